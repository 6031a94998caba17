import { api } from "./apiClient";
import { unwrap } from "./problem";

export const adminApi = {
  users: async () => (await unwrap(api.GET("/api/v1/admin/users"))).users,

  addUser: (user: { email: string; password: string; full_name: string; role: "admin" | "user" }) =>
    unwrap(api.POST("/api/v1/admin/users", { body: user })),

  changeUser: (id: number, change: { role?: "admin" | "user"; disabled?: boolean }) =>
    unwrap(api.PATCH("/api/v1/admin/users/{id}", { params: { path: { id } }, body: change })),
};
