import { QueryObserver } from "@tanstack/react-query";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { useActivity } from "./activityStore";
import { FakeSocket } from "./fakeSocket";
import { regenerate, startLive, stopRun, watchConversation } from "./live";
import { type Branch, toBranch } from "./messageList";
import { outbox, useOutbox } from "./outbox";
import { permissionsQuery } from "./permissions";
import { keys, queryClient } from "./queryClient";
import { sendMessage } from "./sending";
import { signIn } from "./session";
import { flushStreams, useStreams } from "./streamStore";
import { conversation, message } from "./testData";
import type { Message } from "./types";
import { useVersion } from "./version";

const at = (path: string) => `http://localhost:3000/api/v1${path}`;
const posted: Record<string, unknown>[] = [];
let socketsAllowed = true;

const server = setupServer(
  http.post(at("/chat/ws-ticket"), () =>
    socketsAllowed ? HttpResponse.json({ ticket: "t", expires_in: 30 }) : HttpResponse.error(),
  ),
  http.post(at("/chat/messages"), async ({ request }) => {
    posted.push((await request.json()) as Record<string, unknown>);
    const user_message = message({ id: 1, role: "user", content: "hi", conversation_id: "c-new" });
    return HttpResponse.json({ user_message, conversation_id: "c-new", run_id: "r1" }, { status: 202 });
  }),
);

let stop: () => void;

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());

beforeEach(async () => {
  vi.stubGlobal("WebSocket", FakeSocket);
  FakeSocket.all = [];
  posted.length = 0;
  socketsAllowed = true;
  useOutbox.setState({ waiting: [], refused: [], held: {} });
  signIn({
    access_token: "a",
    refresh_token: "",
    token_type: "bearer",
    expires_in: 600,
    mfa_required: false,
    user: { id: 1, email: "a@b.c", full_name: "A", role: "user", created_at: "2026-01-01T00:00:00Z" },
  });
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval", "Date"] });
  stop = startLive(1);
  await connected();
});

afterEach(() => {
  stop();
  queryClient.clear();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  server.resetHandlers();
});

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** Waits for things that do not depend on the clock, such as a request. */
async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(async () => {
    await vi.advanceTimersByTimeAsync(20);
    check();
  });
}

async function connected(count = FakeSocket.all.length + 1): Promise<FakeSocket> {
  await eventually(() => expect(FakeSocket.all.length).toBeGreaterThanOrEqual(count));
  FakeSocket.last.ready({ cursor: "1" });
  return FakeSocket.last;
}

/** The id under which the first message went out. */
function firstId(): string {
  const data = sentMessages(FakeSocket.last)[0]?.data as { client_message_id: string } | undefined;
  return data?.client_message_id ?? "";
}

const sentMessages = (socket: FakeSocket) => socket.sent.filter(({ type }) => type === "message");
const say = (content: string, conversation_id: string | null = null) =>
  sendMessage({ content, conversation_id, model: null, on_busy: "enqueue" });

describe("sending", () => {
  it("goes over the socket and is done when it is acknowledged", () => {
    const acknowledged: string[] = [];
    const off = outbox.onAcknowledged((_, id) => acknowledged.push(id));
    say("hi");
    const [frame] = sentMessages(FakeSocket.last);
    expect(frame).toMatchObject({ type: "message", conversation_id: null, data: { content: "hi" } });
    const client_message_id = firstId();
    expect(client_message_id).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(localStorage.getItem("rejoinder.outbox")).toContain(client_message_id);

    FakeSocket.last.receive({
      type: "ack",
      data: {
        client_message_id,
        message: message({ id: 1, role: "user", content: "hi", client_message_id, conversation_id: "c-new" }),
        conversation_id: "c-new",
        run_id: "r1",
      },
      conversation_id: "c-new",
    });
    off();
    expect(acknowledged).toEqual(["c-new"]);
    expect(useOutbox.getState().waiting).toEqual([]);
    expect(localStorage.getItem("rejoinder.outbox")).toBeNull();
    expect(queryClient.getQueryData<Branch>(keys.messages("c-new"))?.messages).toHaveLength(1);
    expect(useActivity.getState().runs["c-new"]).toMatchObject({ run_id: "r1", state: "queued" });
  });

  it("is repeated with the same id after a cut, and only what was not acknowledged", async () => {
    const first = FakeSocket.last;
    say("one", "c1");
    say("two", "c2");
    const [one, two] = sentMessages(first).map(({ data }) => data as { client_message_id: string });
    first.receive({
      type: "ack",
      data: {
        client_message_id: one?.client_message_id,
        message: message({ id: 5, role: "user", content: "one" }),
        conversation_id: "c1",
        run_id: "r",
      },
      conversation_id: "c1",
    });
    first.drop();
    const second = await connected(2);
    expect(sentMessages(second).map(({ data }) => data)).toEqual([two]);
  });

  it("survives a reload of the page", async () => {
    say("keep me", "c1");
    const [before] = sentMessages(FakeSocket.last);
    stop();
    useOutbox.setState({ waiting: [] });
    stop = startLive(1);
    const socket = await connected(2);
    expect(sentMessages(socket)).toEqual([before]);
  });

  it("leaves the messages of another account alone", async () => {
    say("mine", "c1");
    stop();
    stop = startLive(2);
    const socket = await connected(2);
    expect(sentMessages(socket)).toEqual([]);
  });

  it("waits while offline, and takes plain requests where sockets do not come through", async () => {
    socketsAllowed = false;
    FakeSocket.last.drop();
    say("hi");
    expect(useOutbox.getState().waiting).toHaveLength(1);
    await settle(9_000);
    await eventually(() => expect(useOutbox.getState().waiting).toEqual([]));
    expect(posted).toHaveLength(1);
    expect(posted[0]).toMatchObject({ content: "hi", conversation_id: null });
  });

  it("keeps waiting when the server cannot be reached at all", async () => {
    socketsAllowed = false;
    server.use(http.post(at("/chat/messages"), () => HttpResponse.error()));
    FakeSocket.last.drop();
    say("hi");
    await settle(30_000);
    expect(useOutbox.getState().waiting).toHaveLength(1);
    expect(useOutbox.getState().refused).toEqual([]);
  });

  it("takes the message frame for an acknowledgement when that got lost", () => {
    say("hi", "c1");
    const client_message_id = firstId();
    const stored = message({ id: 5, role: "user", content: "hi", client_message_id });
    FakeSocket.last.receive({ type: "message", data: stored, conversation_id: "c1", cursor: "2" });
    expect(useOutbox.getState().waiting).toEqual([]);
  });
});

/** What a server answers that can't take a message now; with 500 and 502 it may have taken it. */
const NOT_NOW = [
  { status: 408, code: "request_timeout" },
  { status: 429, code: "rate_limited" },
  { status: 500, code: "internal" },
  { status: 503, code: "draining" },
  { status: 503, code: "not_writable" },
  { status: 503, code: "outcome_unknown" },
  { status: 503, code: "unreadable" },
];
const NEVER = [
  { status: 403, code: "forbidden" },
  { status: 404, code: "not_found" },
  { status: 409, code: "queue_full" },
  { status: 410, code: "gone" },
  { status: 413, code: "body_too_large" },
  { status: 422, code: "validation_failed" },
];

describe("a message that is not taken", () => {
  const said = (frames: Record<string, unknown>[]) =>
    frames.map(({ data }) => data as { client_message_id: string; content: string });
  const refuse = (id: string, answer: { status: number; code: string }) =>
    FakeSocket.last.receive({
      type: "error",
      data: { ...answer, detail: "For a reason.", client_message_id: id },
    });
  const answering = (answer: { status: number; code: string }, headers: Record<string, string> = {}) =>
    server.use(
      http.post(at("/chat/messages"), async ({ request }) => {
        posted.push((await request.json()) as Record<string, unknown>);
        return HttpResponse.json({ ...answer, detail: "For a reason." }, { status: answer.status, headers });
      }),
    );
  /** The server is there for requests, and lets no socket through. */
  const socketless = () => {
    socketsAllowed = false;
    FakeSocket.last.drop();
  };

  it.each(NOT_NOW)("by the socket for $status $code goes out again under its id", async (answer) => {
    say("hi", "c1");
    const client_message_id = firstId();
    refuse(client_message_id, answer);
    expect(useOutbox.getState()).toMatchObject({
      waiting: [{ client_message_id }],
      refused: [],
      held: { [client_message_id]: { code: answer.code, times: 1 } },
    });
    expect(localStorage.getItem("rejoinder.outbox")).toContain(client_message_id);
    await settle(1_000);
    refuse(client_message_id, answer);
    await settle(1_999);
    expect(sentMessages(FakeSocket.last)).toHaveLength(2);
    await settle(1);
    expect(said(sentMessages(FakeSocket.last))).toEqual(
      Array(3).fill(expect.objectContaining({ client_message_id, content: "hi" })),
    );
    const stored = message({ id: 5, role: "user", content: "hi", client_message_id });
    FakeSocket.last.receive({ type: "message", data: stored, conversation_id: "c1" });
    await settle(16_000);
    expect(sentMessages(FakeSocket.last)).toHaveLength(3);
    expect(useOutbox.getState()).toEqual({ waiting: [], refused: [], held: {} });
  });

  it.each(NOT_NOW)("by a request for $status $code is asked for again under its id", async (answer) => {
    answering(answer);
    socketless();
    say("hi");
    const [before] = useOutbox.getState().waiting;
    await settle(8_000);
    await eventually(() => expect(Object.keys(useOutbox.getState().held)).toHaveLength(1));
    await settle(2_000);
    await eventually(() => expect(posted.length).toBeGreaterThanOrEqual(2));
    expect(useOutbox.getState()).toMatchObject({ waiting: [before], refused: [] });
    server.resetHandlers();
    await settle(15_000);
    await eventually(() => expect(useOutbox.getState().waiting).toEqual([]));
    expect(new Set(posted.map(({ client_message_id }) => client_message_id))).toEqual(
      new Set([before?.client_message_id]),
    );
    expect(useOutbox.getState().refused).toEqual([]);
  });

  it("by what stands before the server keeps waiting too", async () => {
    server.use(
      http.post(at("/chat/messages"), () => new HttpResponse("<h1>Bad gateway</h1>", { status: 502 })),
    );
    socketless();
    say("hi");
    await settle(8_000);
    await eventually(() => expect(Object.keys(useOutbox.getState().held)).toHaveLength(1));
    expect(useOutbox.getState()).toMatchObject({ waiting: [{ content: "hi" }], refused: [] });
  });

  it("waits as long as the server wants", async () => {
    answering({ status: 429, code: "rate_limited" }, { "retry-after": "9" });
    socketless();
    say("hi");
    await settle(8_000);
    await eventually(() => expect(Object.keys(useOutbox.getState().held)).toHaveLength(1));
    await settle(8_000);
    expect(posted).toHaveLength(1);
    await settle(2_000);
    await eventually(() => expect(posted).toHaveLength(2));
  });

  it.each(NEVER)("for $status $code goes back to the input, with the reason", async (answer) => {
    say("too much", "c1");
    refuse(firstId(), answer);
    expect(useOutbox.getState()).toMatchObject({
      waiting: [],
      refused: [{ conversation_id: "c1", content: "too much", reason: "For a reason." }],
    });
    expect(localStorage.getItem("rejoinder.outbox")).toBeNull();
    await settle(16_000);
    expect(sentMessages(FakeSocket.last)).toHaveLength(1);
  });

  it.each(NEVER)("for $status $code comes back from a request", async (answer) => {
    answering(answer);
    socketless();
    say("too much", "c1");
    await settle(9_000);
    await eventually(() =>
      expect(useOutbox.getState()).toMatchObject({
        waiting: [],
        refused: [{ content: "too much", reason: "For a reason." }],
      }),
    );
    expect(posted).toHaveLength(1);
  });
});

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

  it("are stopped over the socket, or by a request while it is away", async () => {
    await stopRun("r", "c1");
    expect(FakeSocket.last.sent.at(-1)).toEqual({
      type: "stop",
      data: { run_id: "r" },
      conversation_id: "c1",
    });
    let cancelled = 0;
    server.use(
      http.post(at("/chat/runs/r/cancel"), () => {
        cancelled += 1;
        return HttpResponse.json({});
      }),
    );
    FakeSocket.last.drop();
    await stopRun("r", "c1");
    expect(cancelled).toBe(1);
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

describe("a message that waits", () => {
  const user = (id: number, fields: Partial<Message>) =>
    message({ id, role: "user", message_type: "user_input", ...fields });
  const question = user(1, { content: "?" });
  const answer = message({ id: 2, status: "streaming" });
  const waits = user(3, { content: "next", status: "queued", parent_id: null, run_id: "r2" });
  const receive = (type: string, data: unknown) =>
    FakeSocket.last.receive({ type, data, conversation_id: "c1" });
  const branch = () => queryClient.getQueryData<Branch>(keys.messages("c1"));

  beforeEach(() => {
    queryClient.setQueryData<Branch>(keys.messages("c1"), toBranch([question, answer], false));
    receive("run", { run_id: "r1", state: "running" });
  });

  it("is sent as one that may wait, and does not pass for what goes on", () => {
    sendMessage({ content: "next", conversation_id: "c1", model: null, on_busy: "interrupt" });
    expect(sentMessages(FakeSocket.last)[0]?.data).toMatchObject({ on_busy: "interrupt" });
    const client_message_id = firstId();
    receive("ack", { client_message_id, message: waits, conversation_id: "c1", run_id: "r2" });
    expect(branch()).toEqual({ messages: [question, answer], hasOlder: false, queued: [waits] });
    expect(useActivity.getState().runs.c1).toEqual({ run_id: "r1", state: "running" });
    expect(useOutbox.getState().waiting).toEqual([]);
  });

  it("comes into the branch when its turn has come", () => {
    receive("message", waits);
    receive("message", { ...answer, status: "complete" });
    receive("run", { run_id: "r1", state: "completed" });
    receive("message", { ...waits, status: "complete", parent_id: 2 });
    receive("message", message({ id: 4, parent_id: 3, run_id: "r2", status: "queued" }));
    receive("run", { run_id: "r2", state: "queued" });
    expect(branch()?.messages.map(({ id }) => id)).toEqual([1, 2, 3, 4]);
    expect(branch()?.queued).toEqual([]);
    expect(useActivity.getState().runs.c1).toEqual({ run_id: "r2", state: "queued" });
  });

  it("goes when it is removed, and takes nothing with it", () => {
    receive("message", waits);
    receive("run", { run_id: "r2", state: "cancelled" });
    receive("message", { id: 3, deleted: true });
    expect(branch()?.queued).toEqual([]);
    expect(useActivity.getState().runs.c1).toEqual({ run_id: "r1", state: "running" });
  });
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
