import { describe, expect, it } from "vitest";
import { useActivity } from "./activityStore";
import { FakeSocket } from "./fakeSocket";
import { connected, firstId, reload, say, settle, signedInAgain, withLiveConnection } from "./liveHarness";
import type { Branch } from "./messageList";
import { keys, queryClient } from "./queryClient";
import { message } from "./testData";

withLiveConnection();

const question = (client_message_id: string) =>
  message({ id: 1, role: "user", content: "hi", client_message_id, conversation_id: "c-new" });
const acknowledge = (client_message_id: string) =>
  FakeSocket.last.receive({
    type: "ack",
    data: {
      client_message_id,
      message: question(client_message_id),
      conversation_id: "c-new",
      run_id: "r1",
    },
    conversation_id: "c-new",
  });
const known = () => queryClient.getQueryData<Branch>(keys.messages("c-new"))?.messages.map(({ id }) => id);

describe("the first message of a conversation", () => {
  it("that this page has just sent is all there is of it, in whatever order that is told", () => {
    say("hi");
    const id = firstId();
    FakeSocket.last.receive({ type: "message", data: question(id), conversation_id: "c-new" });
    acknowledge(id);
    expect(known()).toEqual([1]);
  });

  it("that is on its way when the socket is cut and goes on is all there is, too", async () => {
    say("hi");
    const id = firstId();
    FakeSocket.last.receive({ type: "pong", data: { cursor: "2" } });
    FakeSocket.last.drop();
    await connected();
    acknowledge(id);
    expect(known()).toEqual([1]);
  });

  it("that a reload sent again may have been answered long ago: that is fetched", async () => {
    say("hi");
    const id = firstId();
    await reload();
    acknowledge(id);
    expect(known()).toBeUndefined();
    // However soon that was.
    expect(useActivity.getState().runs).toEqual({});
  });

  it("that a new login on the same page sent again may have been answered, too", async () => {
    say("hi");
    const id = firstId();
    await signedInAgain();
    acknowledge(id);
    expect(known()).toBeUndefined();
  });

  it("whose answer the feed may have skipped is fetched", () => {
    say("hi");
    const id = firstId();
    FakeSocket.last.receive({ type: "reset", data: { cursor: "900" } });
    acknowledge(id);
    expect(known()).toBeUndefined();
  });

  it("that a closed tab left behind is fetched", async () => {
    const left = { content: "hi", client_message_id: "x", conversation_id: null, user_id: 1, tab: "another" };
    localStorage.setItem("rejoinder.outbox", JSON.stringify([{ ...left, created_at: Date.now() - 60_000 }]));
    await settle(5_000);
    FakeSocket.last.receive({ type: "pong", data: {} });
    await settle(5_000);
    expect(firstId()).toBe("x");
    acknowledge("x");
    expect(known()).toBeUndefined();
  });
});
