import { beforeEach, describe, expect, it } from "vitest";
import { useActivity } from "./activityStore";
import { FakeSocket } from "./fakeSocket";
import { firstId, sentMessages, withLiveConnection } from "./liveHarness";
import { type Branch, toBranch } from "./messageList";
import { useOutbox } from "./outbox";
import { keys, queryClient } from "./queryClient";
import { sendMessage } from "./sending";
import { message } from "./testData";
import type { Message } from "./types";

withLiveConnection();

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
