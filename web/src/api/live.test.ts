import { QueryObserver } from "@tanstack/react-query";
import { HttpResponse, http } from "msw";
import { describe, expect, it, vi } from "vitest";
import { useActivity } from "./activityStore";
import { FakeSocket } from "./fakeSocket";
import { regenerate, watchConversation } from "./live";
import { server, settle, withLiveConnection } from "./liveHarness";
import { type Branch, toBranch } from "./messageList";
import { permissionsQuery } from "./permissions";
import { keys, queryClient } from "./queryClient";
import { flushStreams, useStreams } from "./streamStore";
import { at, conversation, message } from "./testData";
import { useVersion } from "./version";

withLiveConnection();

describe("live text", () => {
  const open = message({
    id: 7,
    status: "streaming",
    content: "Hello",
    offsets: { text: 5, reasoning: 0, tool_arguments: 0 },
  });

  it("asks for the whole text when a part is missing, once", () => {
    const off = watchConversation("c1");
    FakeSocket.last.receive({ type: "message", data: open, conversation_id: "c1" });
    const before = FakeSocket.last.sent.length;
    const hole = { message_id: 7, revision: 1, offset: 50, channel: "text", text: "x" };
    FakeSocket.last.receive({ type: "delta", data: hole, conversation_id: "c1" });
    FakeSocket.last.receive({ type: "delta", data: hole, conversation_id: "c1" });
    expect(FakeSocket.last.sent.slice(before)).toEqual([{ type: "watch", data: {}, conversation_id: "c1" }]);
    off();
  });

  it("is forgotten on a reset, and everything is asked for again", async () => {
    const off = watchConversation("c1");
    queryClient.setQueryData<Branch>(keys.messages("c1"), toBranch([open], false));
    FakeSocket.last.receive({ type: "message", data: open, conversation_id: "c1" });
    flushStreams();
    expect(useStreams.getState().texts[7]?.text).toBe("Hello");
    const before = FakeSocket.last.sent.length;
    FakeSocket.last.receive({ type: "reset", data: { cursor: "900" } });
    await settle();
    expect(useStreams.getState().texts).toEqual({});
    expect(queryClient.getQueryState(keys.messages("c1"))?.isInvalidated).toBe(true);
    expect(FakeSocket.last.sent.slice(before)).toMatchObject([{ type: "watch", conversation_id: "c1" }]);
    off();
  });
});

describe("runs", () => {
  it("are not revived by a late frame", () => {
    const run = (state: string) =>
      FakeSocket.last.receive({ type: "run", data: { run_id: "r", state }, conversation_id: "c1" });
    run("running");
    run("completed");
    run("running");
    expect(useActivity.getState().runs.c1?.state).toBe("completed");
  });

  it("of another answer put it in place of the first", async () => {
    const question = message({ id: 1, role: "user", message_type: "user_input", content: "?" });
    const first = message({ id: 2, content: "no" });
    queryClient.setQueryData<Branch>(keys.messages("c1"), toBranch([question, first], false));
    const second = message({ id: 3, parent_id: 1, run_id: "r2", status: "queued", siblings: [2, 3] });
    server.use(
      http.post(at("/chat/conversations/c1/messages/2/regenerate"), () =>
        HttpResponse.json({ run_id: "r2", conversation_id: "c1", ai_message: second }, { status: 202 }),
      ),
    );
    await regenerate("c1", 2);
    expect(queryClient.getQueryData<Branch>(keys.messages("c1"))?.messages.map(({ id }) => id)).toEqual([
      1, 3,
    ]);
    expect(useActivity.getState().runs.c1?.run_id).toBe("r2");
  });
});

it("another answer that is complete before the request for it was answered stays complete", async () => {
  const question = message({ id: 1, role: "user", message_type: "user_input", content: "?" });
  queryClient.setQueryData<Branch>(
    keys.messages("c1"),
    toBranch([question, message({ id: 2, status: "failed" })], false),
  );
  const second = message({ id: 3, parent_id: 1, run_id: "r2", status: "queued", siblings: [2, 3] });
  server.use(
    http.post(at("/chat/conversations/c1/messages/2/regenerate"), () => {
      const done = { ...second, status: "complete", content: "Yes" };
      FakeSocket.last.receive({ type: "message", data: done, conversation_id: "c1" });
      const run = { run_id: "r2", state: "completed" };
      FakeSocket.last.receive({ type: "run", data: run, conversation_id: "c1" });
      return HttpResponse.json(
        { run_id: "r2", conversation_id: "c1", ai_message: second, user_message: question },
        { status: 202 },
      );
    }),
  );
  await regenerate("c1", 2);
  expect(queryClient.getQueryData<Branch>(keys.messages("c1"))?.messages.at(-1)).toMatchObject({
    id: 3,
    status: "complete",
    content: "Yes",
  });
  expect(useActivity.getState().runs.c1?.state).toBe("completed");
});

it("a click that repeats a lost request for another answer is the same wish", async () => {
  const seen: (string | null)[] = [];
  const second = message({ id: 3, parent_id: 1, run_id: "r2", status: "queued", siblings: [2, 3] });
  server.use(
    http.post(at("/chat/conversations/c1/messages/2/regenerate"), ({ request }) => {
      seen.push(request.headers.get("idempotency-key"));
      return seen.length === 1
        ? HttpResponse.error()
        : HttpResponse.json({ run_id: "r2", conversation_id: "c1", ai_message: second }, { status: 202 });
    }),
  );
  await expect(regenerate("c1", 2)).rejects.toMatchObject({ status: 0 });
  await regenerate("c1", 2);
  await regenerate("c1", 2);
  expect(seen[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(seen[1]).toBe(seen[0]);
  expect(seen[2]).not.toBe(seen[0]);
});

it("a permission that was taken back elsewhere is noticed when the feed tells of the conversation", async () => {
  let asked = 0;
  server.use(
    http.get(at("/chat/conversations/c1/permissions"), () => {
      asked += 1;
      return HttpResponse.json({ permissions: [] });
    }),
  );
  const seen = new QueryObserver(queryClient, permissionsQuery("c1"));
  queryClient.setQueryData(keys.permissions("c1"), [{ tool_name: "order", created_at: "" }]);
  const stopSeeing = seen.subscribe(() => {});
  const changed = {
    type: "conversation",
    data: conversation({ conversation_id: "c1" }),
    conversation_id: "c1",
  };
  FakeSocket.last.receive(changed);
  await vi.waitFor(() => expect(seen.getCurrentResult().data).toEqual([]));
  // Without any there is nothing to take back.
  FakeSocket.last.receive(changed);
  stopSeeing();
  expect(asked).toBe(1);
});

it("ignores frames it does not know", () => {
  FakeSocket.last.receive({ type: "weather", data: { sunny: true } });
  expect(useActivity.getState().connection).toBe("open");
});

it("notices another build of the server, though its release has the same number", () => {
  const sees = (version: string) =>
    FakeSocket.last.receive({ type: "connection", data: { status: "ready", version } });
  sees("0.1.0+3f2a91");
  sees("0.1.0+3f2a91");
  expect(useVersion.getState().upgraded).toBe(false);
  sees("0.1.0+9c01d7");
  expect(useVersion.getState().upgraded).toBe(true);
});
