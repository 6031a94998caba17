import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "@/api/fakeSocket";
import { noteTaken } from "@/api/otherTab";
import { useOutbox } from "@/api/outbox";
import { keys, queryClient } from "@/api/queryClient";
import { at, conversation, message } from "@/api/testData";
import { useWritable } from "@/api/writable";
import { ada, open, server, state, withApp } from "./appHarness";
import { router } from "./router";

withApp();

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
    state.signedIn = true;
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
