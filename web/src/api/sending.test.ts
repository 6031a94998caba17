import { HttpResponse, http } from "msw";
import { describe, expect, it, vi } from "vitest";
import { useActivity } from "./activityStore";
import { FakeSocket } from "./fakeSocket";
import {
  connected,
  eventually,
  firstId,
  posted,
  reload,
  say,
  sentMessages,
  server,
  settle,
  signedInAgain,
  socketless,
  withLiveConnection,
} from "./liveHarness";
import type { Branch } from "./messageList";
import { outbox, useOutbox } from "./outbox";
import { keys, queryClient } from "./queryClient";
import { signOut } from "./session";
import { at, message } from "./testData";

withLiveConnection();

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
    expect(sentMessages(await reload())).toEqual([before]);
  });

  it("survives a new login where the browser stores nothing", async () => {
    const storing = vi.spyOn(localStorage, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    say("keep me", "c1");
    const [before] = sentMessages(FakeSocket.last);
    const socket = await signedInAgain();
    storing.mockRestore();
    expect(sentMessages(socket)).toEqual([before]);
  });

  it("is taken over from a tab that was left a moment ago, once it can't be alive", async () => {
    const [left, foreign] = [1, 2].map((user_id) => ({
      content: `of ${user_id}`,
      client_message_id: `x${user_id}`,
      conversation_id: "c1",
      user_id,
      tab: "another",
      created_at: Date.now() - 1_000,
    }));
    localStorage.setItem("rejoinder.outbox", JSON.stringify([left, foreign]));
    const socket = await reload();
    await settle(13_000);
    expect(sentMessages(socket)).toEqual([]);
    await settle(2_000);
    expect(sentMessages(socket).map(({ data }) => data)).toMatchObject([
      { content: "of 1", client_message_id: "x1" },
    ]);
    await settle(30_000);
    expect(sentMessages(socket)).toHaveLength(1);
  });

  it("is taken over by a tab that had been open for longer", async () => {
    await settle(16_000);
    const left = {
      content: "hi",
      client_message_id: "x",
      conversation_id: "c1",
      user_id: 1,
      tab: "another",
      created_at: Date.now(),
    };
    localStorage.setItem("rejoinder.outbox", JSON.stringify([left]));
    await settle(12_000);
    expect(sentMessages(FakeSocket.last)).toEqual([]);
    // The socket is still there.
    FakeSocket.last.receive({ type: "pong", data: {} });
    await settle(8_000);
    expect(sentMessages(FakeSocket.last).map(({ data }) => data)).toMatchObject([{ client_message_id: "x" }]);
  });

  it("leaves a message to another tab that got it through in time", async () => {
    const theirs = {
      content: "hi",
      client_message_id: "x",
      user_id: 1,
      tab: "another",
      created_at: Date.now(),
    };
    localStorage.setItem("rejoinder.outbox", JSON.stringify([theirs]));
    const socket = await reload();
    localStorage.removeItem("rejoinder.outbox");
    await settle(30_000);
    expect(sentMessages(socket)).toEqual([]);
    expect(useOutbox.getState().waiting).toEqual([]);
  });

  it("leaves the messages of another account alone", async () => {
    say("mine", "c1");
    expect(sentMessages(await signedInAgain(2))).toEqual([]);
    expect(useOutbox.getState().waiting).toEqual([]);
  });

  it("answered after its user has left tells the next one nothing", async () => {
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    server.use(
      http.post(at("/chat/messages"), async ({ request }) => {
        posted.push((await request.json()) as Record<string, unknown>);
        await asked;
        const user_message = message({ id: 1, role: "user", content: "a secret", conversation_id: "c-new" });
        return HttpResponse.json({ user_message, conversation_id: "c-new", run_id: "r1" }, { status: 202 });
      }),
    );
    socketless();
    say("a secret");
    await settle(8_000);
    await eventually(() => expect(posted).toHaveLength(1));
    signOut();
    answer();
    await settle(5_000);
    await eventually(() => expect(queryClient.isFetching()).toBe(0));
    expect(queryClient.getQueryData(keys.messages("c-new"))).toBeUndefined();
    expect(useActivity.getState().runs).toEqual({});
  });

  it("waits while offline, and takes plain requests where sockets do not come through", async () => {
    socketless();
    say("hi");
    expect(useOutbox.getState().waiting).toHaveLength(1);
    await settle(9_000);
    await eventually(() => expect(useOutbox.getState().waiting).toEqual([]));
    expect(posted).toHaveLength(1);
    expect(posted[0]).toMatchObject({ content: "hi", conversation_id: null });
  });

  it("keeps waiting when the server cannot be reached at all", async () => {
    server.use(http.post(at("/chat/messages"), () => HttpResponse.error()));
    socketless();
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
});
