import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "@/api/fakeSocket";
import { noteTaken } from "@/api/otherTab";
import { useOutbox } from "@/api/outbox";
import { keys, queryClient } from "@/api/queryClient";
import { restoreSession, signOut } from "@/api/session";
import { conversation, message } from "@/api/testData";
import { useWritable } from "@/api/writable";
import { router } from "./router";

const at = (path: string) => `http://localhost:3000/api/v1${path}`;
const problem = (status: number, detail: string, errors?: unknown) =>
  HttpResponse.json({ type: "", title: "", status, code: "x", detail, errors }, { status });
const ada = {
  id: 1,
  email: "ada@example.org",
  full_name: "Ada",
  role: "admin",
  created_at: "2026-01-01T00:00:00Z",
};

let firstStart = false;
let signedIn = false;
const registered: unknown[] = [];

const server = setupServer(
  http.get(at("/meta"), () =>
    HttpResponse.json({
      name: "Rejoinder",
      version: "1",
      first_start: firstStart,
      registration: "closed",
      setup_code_required: firstStart,
      password_reset_command: "rejoinder user passwd EMAIL",
    }),
  ),
  http.post(at("/auth/refresh"), () => (signedIn ? tokens() : problem(401, "Sign in first."))),
  http.post(at("/auth/register"), async ({ request }) => {
    registered.push(await request.json());
    return HttpResponse.json(ada, { status: 201 });
  }),
  http.post(at("/auth/login"), async ({ request }) => {
    const { password } = (await request.json()) as { password: string };
    if (password !== "correct horse") return problem(401, "The e-mail or the password is wrong.");
    signedIn = true;
    return tokens();
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

function tokens() {
  return HttpResponse.json({
    access_token: "a",
    refresh_token: "r",
    token_type: "bearer",
    expires_in: 600,
    mfa_required: false,
    user: ada,
  });
}

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(async () => {
  vi.stubGlobal("WebSocket", FakeSocket);
  FakeSocket.all = [];
  firstStart = false;
  signedIn = false;
  registered.length = 0;
  useOutbox.setState({ waiting: [], refused: [], held: {} });
  signOut();
  router.history.replace("/");
});
afterEach(() => {
  queryClient.clear();
  server.resetHandlers();
  vi.unstubAllGlobals();
});

async function open(): Promise<void> {
  await restoreSession();
  render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
}

describe("before signing in", () => {
  it("a new server asks for its first account, with the setup code, and lets it in", async () => {
    firstStart = true;
    await open();
    await screen.findByRole("heading", { name: "Create the admin account" });
    await userEvent.type(screen.getByLabelText("Full name"), "Ada");
    await userEvent.type(screen.getByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "correct horse");
    const code = screen.getByLabelText("Setup code");
    // As the server prints it: what to look for.
    const hint = document.getElementById(code.getAttribute("aria-describedby") ?? "")?.textContent;
    expect(hint).toContain("“setup code for the first account: …”");
    await userEvent.type(code, "1234");
    await userEvent.click(screen.getByRole("button", { name: "Create account" }));
    await screen.findByRole("textbox", { name: "Message" });
    expect(registered).toEqual([
      { email: "ada@example.org", password: "correct horse", full_name: "Ada", setup_code: "1234" },
    ]);
  });

  it("says beside the field what is wrong with it, and keeps what was typed", async () => {
    firstStart = true;
    server.use(
      http.post(at("/auth/register"), () =>
        problem(422, "Some values are not valid.", [
          { pointer: "/password", message: "Use at least 8 characters." },
        ]),
      ),
    );
    await open();
    await userEvent.type(await screen.findByLabelText("Full name"), "Ada");
    await userEvent.type(screen.getByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "short");
    await userEvent.type(screen.getByLabelText("Setup code"), "1234");
    await userEvent.click(screen.getByRole("button", { name: "Create account" }));
    const field = await screen.findByRole("textbox", { name: "Email" });
    await screen.findByText("Use at least 8 characters.");
    expect(screen.getByLabelText("Password").getAttribute("aria-invalid")).toBe("true");
    expect((field as HTMLInputElement).value).toBe("ada@example.org");
    expect(screen.queryByText("Some values are not valid.")).toBeNull();
  });

  it("a wrong password gets the server's words, and the right one goes on", async () => {
    await open();
    await screen.findByRole("heading", { name: "Sign in" });
    expect(screen.getByText("rejoinder user passwd EMAIL")).toBeDefined();
    await userEvent.type(screen.getByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "wrong");
    await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
    expect((await screen.findByRole("alert")).textContent).toBe("The e-mail or the password is wrong.");
    await userEvent.clear(screen.getByLabelText("Password"));
    await userEvent.type(screen.getByLabelText("Password"), "correct horse{enter}");
    await screen.findByRole("textbox", { name: "Message" });
  });
});

describe("leaving", () => {
  const kept = () => Object.keys(localStorage).filter((key) => /outbox|draft/.test(key));
  const foreign = [
    { content: "of somebody else", client_message_id: "x", user_id: 2, tab: "t", created_at: 0 },
  ];

  /** Signed in, with a draft here and elsewhere, and a message that nobody has taken yet. */
  beforeEach(async () => {
    signedIn = true;
    localStorage.setItem("rejoinder.outbox", JSON.stringify(foreign));
    localStorage.setItem("rejoinder.draft.2.c9", "of somebody else");
    localStorage.setItem("rejoinder.draft.1.c7", "half a thought");
    await open();
    const field = await screen.findByRole("textbox", { name: "Message" });
    await userEvent.type(field, "a secret{enter}");
    await userEvent.type(field, "another");
    expect(localStorage.getItem("rejoinder.outbox")).toContain("a secret");
    expect(localStorage.getItem("rejoinder.draft.1.")).toBe("another");
  });

  const expectNothingLeft = () => {
    expect(kept().sort()).toEqual(["rejoinder.draft.2.c9", "rejoinder.outbox"]);
    expect(JSON.parse(localStorage.getItem("rejoinder.outbox") ?? "")).toEqual(foreign);
    expect(useOutbox.getState()).toEqual({ waiting: [], refused: [], held: {} });
  };
  const signInAgain = async () => {
    await userEvent.type(await screen.findByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "correct horse{enter}");
    return await screen.findByRole<HTMLTextAreaElement>("textbox", { name: "Message" });
  };

  it("by signing out leaves no draft and no message behind, not even for oneself", async () => {
    await userEvent.click(screen.getByRole("button", { name: "Account: Ada" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Sign out" }));
    await screen.findByRole("heading", { name: "Sign in" });
    expectNothingLeft();
    expect((await signInAgain()).value).toBe("");
  });

  it("by deleting the account leaves nothing either", async () => {
    server.use(http.delete(at("/auth/me"), () => new HttpResponse(null, { status: 204 })));
    await userEvent.click(screen.getByRole("button", { name: "Account: Ada" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Account" }));
    await userEvent.click(await screen.findByRole("tab", { name: "Delete account" }));
    await userEvent.type(await screen.findByLabelText("Password"), "correct horse");
    await userEvent.click(screen.getByRole("button", { name: "Delete account" }));
    await screen.findByRole("heading", { name: "Sign in" });
    expectNothingLeft();
  });

  it("because the session ended keeps all of it for who signs in again", async () => {
    signedIn = false;
    act(() => signOut({ expired: true }));
    expect(localStorage.getItem("rejoinder.outbox")).toContain("a secret");
    expect((await signInAgain()).value).toBe("another");
  });
});

describe("a conversation", () => {
  const connected = () => waitFor(() => expect(FakeSocket.all.length).toBeGreaterThan(0));
  const send = async (text: string) => {
    const field = await screen.findByRole("textbox", { name: "Message" });
    await userEvent.clear(field);
    await userEvent.type(field, `${text}{enter}`);
    return FakeSocket.last.sent.findLast(({ type }) => type === "message")?.data as {
      client_message_id: string;
      content: string;
      model: string;
    };
  };

  beforeEach(async () => {
    signedIn = true;
    await open();
    await screen.findByRole("textbox", { name: "Message" });
    await connected();
    act(() => FakeSocket.last.ready({ cursor: "1" }));
    await screen.findByRole("button", { name: "Model: Tiny" });
  });

  it("that begins here gets its own address, says that it answers, and can be stopped", async () => {
    const { client_message_id, model } = await send("Hello");
    expect(model).toBe("local/tiny");
    const asked = message({
      id: 1,
      role: "user",
      message_type: "user_input",
      content: "Hello",
      client_message_id,
    });
    server.use(http.get(at("/chat/conversations/c1/messages"), () => HttpResponse.json([asked])));
    act(() =>
      FakeSocket.last.receive({
        type: "ack",
        data: { client_message_id, message: asked, conversation_id: "c1", run_id: "r1" },
        conversation_id: "c1",
      }),
    );
    await waitFor(() => expect(router.state.location.pathname).toBe("/c/c1"));
    await screen.findByText("Answering");
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    expect(FakeSocket.last.sent.at(-1)).toMatchObject({ type: "stop", data: { run_id: "r1" } });
    act(() =>
      FakeSocket.last.receive({
        type: "run",
        data: { run_id: "r1", state: "cancelled" },
        conversation_id: "c1",
      }),
    );
    await screen.findByText("Answer stopped");
    await screen.findByRole("button", { name: "Send message" });
  });

  it("gets a refused message back into the input, with the reason", async () => {
    const { client_message_id } = await send("Too many");
    act(() =>
      FakeSocket.last.receive({
        type: "error",
        data: { status: 409, code: "queue_full", detail: "20 messages wait.", client_message_id },
      }),
    );
    await screen.findByDisplayValue("Too many");
    expect(screen.getByRole("alert").textContent).toContain("20 messages wait.");
  });

  it("learns of other models when the server was away", async () => {
    server.use(
      http.get(at("/models"), () =>
        HttpResponse.json({
          models: [{ id: "vllm/big", label: "Big", provider: "vllm", built_in: false, context_window: 9 }],
          default: "vllm/big",
          unlisted: [],
        }),
      ),
    );
    const before = FakeSocket.all.length;
    act(() => FakeSocket.last.drop());
    await waitFor(() => expect(FakeSocket.all.length).toBeGreaterThan(before), { timeout: 3_000 });
    act(() => FakeSocket.last.ready());
    await screen.findByRole("button", { name: "Model: Big" });
  });

  it("is worked by keys: the palette, the sheet of keys, and the last message again", async () => {
    const asked = message({ id: 1, role: "user", message_type: "user_input", content: "Say it" });
    server.use(
      http.get(at("/chat/conversations/c1/messages"), () => HttpResponse.json([asked, message({ id: 2 })])),
      http.get(at("/chat/conversations"), () =>
        HttpResponse.json({
          conversations: [conversation({ conversation_id: "c1", title: "Greetings" })],
          total: 1,
          page: 1,
          per_page: 30,
          next_cursor: null,
        }),
      ),
    );
    queryClient.removeQueries({ queryKey: keys.messages("c1") });
    await queryClient.invalidateQueries({ queryKey: keys.conversations });
    await userEvent.keyboard("{Control>}k{/Control}");
    const search = await screen.findByRole("combobox", { name: "Search conversations and commands" });
    await userEvent.type(search, "greet");
    await screen.findByRole("option", { name: /Greetings/ });
    await userEvent.keyboard("{enter}");
    await waitFor(() => expect(router.state.location.pathname).toBe("/c/c1"));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());

    const field = await screen.findByRole<HTMLTextAreaElement>("textbox", { name: "Message" });
    // A question mark that is written is no command.
    await userEvent.type(field, "?");
    expect(screen.queryByRole("dialog")).toBeNull();
    await userEvent.clear(field);
    // The list itself shows nothing where nothing is laid out.
    await waitFor(() => expect(queryClient.getQueryData(keys.messages("c1"))).toBeDefined());
    await userEvent.type(field, "{ArrowUp}");
    expect(field.value).toBe("Say it");
    await userEvent.click(screen.getByRole("heading", { name: "Greetings" }));
    field.blur();
    await userEvent.keyboard("?");
    await screen.findByRole("dialog", { name: "Keyboard shortcuts" });
  });

  it("says that it is reconnecting, and keeps the message waiting", async () => {
    act(() => FakeSocket.last.drop());
    await waitFor(() => expect(screen.getByRole("status").textContent).toContain("Reconnecting…"), {
      timeout: 3_000,
    });
    await send("Later");
    expect(useOutbox.getState().waiting).toMatchObject([{ content: "Later" }]);
  });

  it("says that nothing can be stored, until it can", async () => {
    const { client_message_id } = await send("Keep this");
    const refused = { status: 503, code: "not_writable", detail: "Nothing can be stored now." };
    act(() => FakeSocket.last.receive({ type: "error", data: { ...refused, client_message_id } }));
    const words = "The server can’t store anything now. Messages you send will wait.";
    await waitFor(() => expect(screen.getByRole("status").textContent).toBe(words));
    act(() => useWritable.setState({ writable: true }));
    expect(screen.getByRole("status").textContent).toBe("");
  });

  it("says whose it is when another account came from another tab, until that was read", async () => {
    act(() => noteTaken({ ...ada, id: 2, full_name: "Grace", role: "user" }, true));
    expect(screen.queryByText(/You were signed in as/)).toBeNull();
    act(() => noteTaken({ ...ada, role: "admin" }, true));
    await screen.findByText(/You were signed in as Ada in another tab\./);
    await userEvent.click(screen.getByRole("button", { name: "Dismiss" }));
    expect(screen.queryByText(/You were signed in as/)).toBeNull();
  });

  it.each([
    ["header", () => userEvent.click(screen.getByRole("button", { name: "Delete conversation" }))],
    [
      "sidebar",
      async () => {
        await userEvent.click(await screen.findByRole("button", { name: "More for Greetings" }));
        await userEvent.click(await screen.findByRole("menuitem", { name: "Delete conversation" }));
      },
    ],
  ])("that is deleted from the %s slowly leaves who has opened another one there", async (_, ask) => {
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const gone = vi.fn();
    const [first, second] = [
      { conversation_id: "c1", title: "Greetings" },
      { conversation_id: "c2", title: "Recipes" },
    ].map(conversation);
    server.use(
      http.get(at("/chat/conversations"), () =>
        HttpResponse.json({
          conversations: [first, second],
          total: 2,
          page: 1,
          per_page: 30,
          next_cursor: null,
        }),
      ),
      http.delete(at("/chat/conversations/c1"), async () => {
        gone();
        await asked;
        return HttpResponse.json({ message: "Conversation deleted successfully" });
      }),
    );
    const go = (conversationId: string) =>
      act(() => void router.navigate({ to: "/c/$conversationId", params: { conversationId } }));
    await act(() => queryClient.invalidateQueries({ queryKey: keys.conversations }));
    go("c1");
    await screen.findByRole("heading", { name: "Greetings" });
    await ask();
    const dialog = await screen.findByRole("alertdialog", { name: "Delete this conversation?" });
    await userEvent.click(within(dialog).getByRole("button", { name: "Delete conversation" }));
    await waitFor(() => expect(gone).toHaveBeenCalled());
    await userEvent.keyboard("{Escape}");
    go("c2");
    await screen.findByRole("heading", { name: "Recipes" });
    // What is open by then stays open, too.
    await userEvent.click(screen.getByRole("button", { name: "Delete conversation" }));
    await screen.findByRole("alertdialog", { name: "Delete this conversation?" });
    answer();
    await waitFor(() => expect(screen.queryByText("Greetings")).toBeNull());
    expect(router.state.location.pathname).toBe("/c/c2");
    screen.getByRole("alertdialog", { name: "Delete this conversation?" });
  });

  it("tells that a call asks for approval, and that it goes on once that was given anywhere", async () => {
    act(() => void router.navigate({ to: "/c/$conversationId", params: { conversationId: "c1" } }));
    await screen.findByRole("heading", { name: "Greetings" });
    const approval = {
      approval_id: "a1",
      call_id: "x",
      run_id: "r1",
      conversation_id: "c1",
      tool_name: "send_mail",
      arguments: { to: "bob" },
      target: null,
      arguments_hash: "h",
      decision: null,
      scope: null,
      created_at: "2026-01-01T00:00:00.000Z",
      decided_at: null,
    };
    act(() => {
      FakeSocket.last.receive({
        type: "run",
        data: { run_id: "r1", state: "awaiting_approval" },
        conversation_id: "c1",
      });
      FakeSocket.last.receive({ type: "approval", data: approval, conversation_id: "c1" });
    });
    await screen.findByText("The assistant asks for your approval");
    act(() =>
      FakeSocket.last.receive({
        type: "approval",
        data: { ...approval, decision: "approve" },
        conversation_id: "c1",
      }),
    );
    await screen.findByText("Answering");
  });

  it("tells at the end of an answer that nobody knows whether a call happened", async () => {
    act(() => void router.navigate({ to: "/c/$conversationId", params: { conversationId: "c1" } }));
    await screen.findByRole("heading", { name: "Greetings" });
    const call = { call_id: "x", arguments: {}, state: "unknown" as const };
    const asked = message({ id: 1, message_type: "tool_call", tool_name: "order", additional_data: call });
    const result = message({
      id: 2,
      role: "tool",
      message_type: "tool_result",
      tool_success: "unknown",
      content: "{}",
      additional_data: { call_id: "x" },
    });
    const run = (run_id: string, state: "running" | "completed") =>
      FakeSocket.last.receive({ type: "run", data: { run_id, state }, conversation_id: "c1" });
    act(() => {
      run("r1", "running");
      for (const data of [asked, result]) {
        FakeSocket.last.receive({ type: "message", data, conversation_id: "c1" });
      }
    });
    await screen.findByText("Answering");
    act(() => run("r1", "completed"));
    await screen.findByText("Answer ready. Nobody knows whether a call happened");
    const decided = { ...asked, additional_data: { ...call, decision: "happened" as const } };
    act(() => {
      FakeSocket.last.receive({ type: "message", data: decided, conversation_id: "c1" });
      run("r2", "running");
    });
    await screen.findByText("Answering");
    act(() => run("r2", "completed"));
    await screen.findByText("Answer ready");
  });
});
