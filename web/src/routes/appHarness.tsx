import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { FakeSocket } from "@/api/fakeSocket";
import { useOutbox } from "@/api/outbox";
import { queryClient } from "@/api/queryClient";
import { restoreSession, signOut } from "@/api/session";
import { at, conversation, tokens, user } from "@/api/testData";
import { router } from "./router";

// The whole page, for tests: its routes, a server that answers here, a socket in the test's hands.

export const problem = (status: number, detail: string, errors?: unknown) =>
  HttpResponse.json({ type: "", title: "", status, code: "x", detail, errors }, { status });
export const ada = user({ role: "admin" });

/** What the server is asked to be by a test, and what it was told. */
export const state = { firstStart: false, signedIn: false, registered: [] as unknown[] };

export const server = setupServer(
  http.get(at("/meta"), () =>
    HttpResponse.json({
      name: "Rejoinder",
      version: "1",
      first_start: state.firstStart,
      registration: "closed",
      setup_code_required: state.firstStart,
      password_reset_command: "rejoinder user passwd EMAIL",
    }),
  ),
  http.post(at("/auth/refresh"), () => (state.signedIn ? login() : problem(401, "Sign in first."))),
  http.post(at("/auth/register"), async ({ request }) => {
    state.registered.push(await request.json());
    return HttpResponse.json(ada, { status: 201 });
  }),
  http.post(at("/auth/login"), async ({ request }) => {
    const { password } = (await request.json()) as { password: string };
    if (password !== "correct horse") return problem(401, "The e-mail or the password is wrong.");
    state.signedIn = true;
    return login();
  }),
  http.post(at("/chat/ws-ticket"), () => HttpResponse.json({ ticket: "t", expires_in: 30 })),
  http.get(at("/chat/approvals"), () => HttpResponse.json({ approvals: [] })),
  // Asked for after a refusal because nothing can be stored.
  http.get("http://localhost:3000/ready", () => HttpResponse.json({ status: "ready" })),
  http.get(at("/models"), () =>
    HttpResponse.json({
      models: [{ id: "local/tiny", label: "Tiny", provider: "local", built_in: true, context_window: 2048 }],
      default: "local/tiny",
      unlisted: [],
    }),
  ),
  http.get(at("/chat/conversations"), () =>
    HttpResponse.json({ conversations: [], total: 0, page: 1, per_page: 30, next_cursor: null }),
  ),
  http.get(at("/chat/conversations/c1/messages"), () => HttpResponse.json([])),
  http.get(at("/chat/conversations/c1/permissions"), () => HttpResponse.json({ permissions: [] })),
  http.post(at("/auth/logout"), () => new HttpResponse(null, { status: 204 })),
  http.get(at("/chat/conversations/c1"), () =>
    HttpResponse.json(conversation({ conversation_id: "c1", title: "Greetings" })),
  ),
  http.get(at("/chat/conversations/c2/messages"), () => HttpResponse.json([])),
  http.get(at("/chat/conversations/c2/permissions"), () => HttpResponse.json({ permissions: [] })),
  http.get(at("/chat/conversations/c2"), () =>
    HttpResponse.json(conversation({ conversation_id: "c2", title: "Recipes" })),
  ),
);

function login() {
  return HttpResponse.json(tokens(ada));
}

/** Each test of the file begins signed out, at the start page. */
export function withApp(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
  afterAll(() => server.close());
  beforeEach(async () => {
    vi.stubGlobal("WebSocket", FakeSocket);
    FakeSocket.all = [];
    Object.assign(state, { firstStart: false, signedIn: false, registered: [] });
    useOutbox.setState({ waiting: [], refused: [], held: {} });
    signOut();
    router.history.replace("/");
  });
  afterEach(() => {
    queryClient.clear();
    server.resetHandlers();
    vi.unstubAllGlobals();
  });
}

/** Opens the page as a browser would. */
export async function open(): Promise<void> {
  await restoreSession();
  render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}
