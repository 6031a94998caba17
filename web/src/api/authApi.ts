import { api } from "./apiClient";
import { unwrap } from "./problem";
import { signIn, signOut } from "./session";

export interface NewAccount {
  email: string;
  password: string;
  full_name: string;
  setup_code?: string;
}

export const authApi = {
  meta: () => unwrap(api.GET("/api/v1/meta")),

  async login(email: string, password: string): Promise<void> {
    signIn(await unwrap(api.POST("/api/v1/auth/login", { body: { email, password } })));
  },

  async register(account: NewAccount): Promise<void> {
    await unwrap(api.POST("/api/v1/auth/register", { body: account }));
    await authApi.login(account.email, account.password);
  },

  /** Signs out here even when the server can't be told; the session then ends by its age. */
  async logout(everywhere = false): Promise<void> {
    const path = everywhere ? "/api/v1/auth/logout-all" : "/api/v1/auth/logout";
    await unwrap(api.POST(path)).catch(() => undefined);
    signOut();
  },

  rename: (full_name: string) => unwrap(api.PATCH("/api/v1/auth/me", { body: { full_name } })),

  changePassword: (current_password: string, new_password: string) =>
    unwrap(api.POST("/api/v1/auth/password", { body: { current_password, new_password } })),

  async deleteAccount(password: string): Promise<void> {
    await unwrap(api.DELETE("/api/v1/auth/me", { body: { password } }));
    signOut();
  },

  sessions: async () => (await unwrap(api.GET("/api/v1/auth/sessions"))).sessions,

  endSession: (id: string) => unwrap(api.DELETE("/api/v1/auth/sessions/{id}", { params: { path: { id } } })),
};
