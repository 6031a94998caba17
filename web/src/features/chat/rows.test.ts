import { describe, expect, it } from "vitest";
import type { Waiting } from "@/api/outbox";
import { message } from "@/api/testData";
import type { Approval, Message } from "@/api/types";
import { buildRows, type Row } from "./rows";

const hasText = ({ content }: Message) => content !== "";
const build = (messages: Message[], active = false, waiting: Waiting[] = []) =>
  buildRows(messages, waiting, { active, hasText });
const kinds = (rows: Row[]) => rows.map(({ kind, key }) => `${kind} ${key}`);

const question = message({ id: 1, role: "user", message_type: "user_input", content: "?" });
const silent = message({ id: 2 });
const call = (id: number, call_id: string) =>
  message({ id, message_type: "tool_call", tool_name: "calculator", additional_data: { call_id } });
const result = (id: number, call_id: string) =>
  message({
    id,
    role: "tool",
    message_type: "tool_result",
    tool_success: "true",
    additional_data: { call_id },
  });
const waiting: Waiting = {
  client_message_id: "u-1",
  content: "hi",
  time_zone: "UTC",
  conversation_id: "c1",
  user_id: 1,
  tab: "t",
  created_at: 0,
};

describe("rows", () => {
  it("begin with what could not be had", () => {
    const rows = buildRows([question], [], { active: false, hasText, olderFailed: true });
    expect(kinds(rows)).toEqual(["older older", "message m1"]);
  });

  it("pair calls with their results, whatever their order", () => {
    const rows = build([
      question,
      silent,
      call(3, "a"),
      call(4, "b"),
      result(5, "b"),
      result(6, "a"),
      message({ id: 7, content: "Done" }),
    ]);
    expect(kinds(rows)).toEqual(["message m1", "tool m3", "tool m4", "message m7"]);
    expect(rows[1]).toMatchObject({ call: { id: 3 }, result: { id: 6 } });
    expect(rows[2]).toMatchObject({ call: { id: 4 }, result: { id: 5 } });
  });

  it("show a result whose call is not loaded", () => {
    expect(kinds(build([result(5, "x")]))).toEqual(["tool m5"]);
  });

  it("hide an answer with nothing to read, but never one that failed or was stopped", () => {
    const queued = message({ id: 3, status: "streaming" });
    expect(kinds(build([question, silent, queued], true))).toEqual(["message m1", "status status"]);
    const failed = message({ id: 3, status: "failed" });
    const stopped = message({ id: 4, status: "cancelled" });
    expect(kinds(build([question, failed, stopped]))).toEqual(["message m1", "message m3", "message m4"]);
  });

  it("carry the actions on the last answer of each turn, once it has ended", () => {
    const messages = [
      question,
      message({ id: 2, content: "a" }),
      message({ id: 3, content: "b" }),
      message({ id: 4, role: "user", message_type: "user_input", content: "?" }),
      message({ id: 5, content: "c" }),
    ];
    const ending = (active: boolean) =>
      build(messages, active).flatMap((row) =>
        row.kind === "message" && row.endsTurn ? [row.message.id] : [],
      );
    expect(ending(false)).toEqual([3, 5]);
    expect(ending(true)).toEqual([3]);
  });

  it("show a call that asks in the place of its line, and one whose message is not here at the end", () => {
    const asks = (call_id: string): Approval => ({
      approval_id: `ask-${call_id}`,
      call_id,
      run_id: "r1",
      conversation_id: "c1",
      tool_name: "send_mail",
      arguments: {},
      target: null,
      arguments_hash: "h",
      decision: null,
      scope: null,
      created_at: "",
      decided_at: null,
    });
    const messages = [question, call(3, "a"), call(4, "b"), result(5, "b")];
    const rows = buildRows(messages, [], { active: true, hasText, approvals: [asks("a"), asks("c")] });
    expect(kinds(rows)).toEqual([
      "message m1",
      "approval ask-a",
      "tool m4",
      "approval ask-c",
      "status status",
    ]);
  });

  it("show a call of unknown outcome as a card until somebody has said what became of it", () => {
    const unknown = { ...result(4, "a"), tool_success: "unknown" as const };
    const asked = call(3, "a");
    expect(kinds(build([question, asked, unknown]))).toEqual(["message m1", "unknown m3"]);
    for (const decision of ["retry", "happened"] as const) {
      const decided = { ...asked, additional_data: { ...asked.additional_data, decision } };
      expect(kinds(build([question, decided, unknown]))).toEqual(["message m1", "tool m3"]);
    }
  });

  it("show a waiting message once, under one key before and after it is stored", () => {
    expect(kinds(build([], false, [waiting]))).toEqual(["waiting u-1"]);
    const stored = { ...question, client_message_id: "u-1" };
    expect(kinds(build([stored], false, [waiting]))).toEqual(["message u-1"]);
  });

  it("show what waits below what goes on, each message once", () => {
    const next = { ...question, id: 8, client_message_id: "u-1", status: "queued" as const };
    const last = { ...waiting, client_message_id: "u-2" };
    const streaming = message({ id: 2, status: "streaming", content: "so far" });
    const rows = (active: boolean) =>
      kinds(buildRows([question, streaming], [waiting, last], { active, hasText, queued: [next] }));
    expect(rows(true)).toEqual(["message m1", "message m2", "status status", "queued u-1", "waiting u-2"]);
    expect(rows(false)).toEqual(["message m1", "message m2", "waiting u-2", "queued u-1"]);
  });

  it("mark where the model's view began, as the latest answer tells it", () => {
    const cut = (id: number, omitted_before: number) =>
      message({ id, content: "x", additional_data: { context: { omitted_before } } });
    expect(kinds(build([question, cut(2, 1), cut(3, 2)]))).toEqual([
      "message m1",
      "omitted omitted-2",
      "message m2",
      "message m3",
    ]);
  });
});
