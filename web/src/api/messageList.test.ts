import { describe, expect, it } from "vitest";
import { type Branch, mergeLatest, placeMessage } from "./messageList";
import { message } from "./testData";
import type { Message } from "./types";

const branch = (...messages: Message[]): Branch => ({ messages, hasOlder: false });
const ids = ({ messages }: Branch) => messages.map(({ id }) => id);
const user = (id: number, run_id: string) =>
  message({ id, role: "user", message_type: "user_input", run_id });

describe("a message that comes in", () => {
  it("is put at the end", () => {
    expect(ids(placeMessage(branch(user(1, "a")), message({ id: 2, run_id: "a" })))).toEqual([1, 2]);
  });

  it("replaces the state it had", () => {
    const next = placeMessage(branch(user(1, "a"), message({ id: 2 })), message({ id: 2, content: "new" }));
    expect(next.messages.map(({ content }) => content)).toEqual(["", "new"]);
  });

  it("that answers the same question again takes the place of the old answer", () => {
    const before = branch(user(1, "a"), message({ id: 2, run_id: "a" }), message({ id: 3, run_id: "a" }));
    expect(ids(placeMessage(before, message({ id: 4, run_id: "b", parent_id: 1 })))).toEqual([1, 4]);
  });

  it("keeps the other calls of its own run whatever its parent is", () => {
    const before = branch(user(1, "a"), message({ id: 2, run_id: "a" }), message({ id: 3, run_id: "a" }));
    expect(ids(placeMessage(before, message({ id: 4, run_id: "a", parent_id: 2 })))).toEqual([1, 2, 3, 4]);
  });

  it("of a branch that was left, or from before the loaded part, is ignored", () => {
    const before = branch(user(10, "b"), message({ id: 12, run_id: "b" }));
    expect(ids(placeMessage(before, message({ id: 11, run_id: "a", parent_id: 10 })))).toEqual([10, 12]);
    expect(ids(placeMessage(before, message({ id: 3, run_id: "a" })))).toEqual([10, 12]);
  });

  it("is kept even when its parent is not here", () => {
    expect(ids(placeMessage(branch(user(1, "a")), message({ id: 9, run_id: "c", parent_id: 8 })))).toEqual([
      1, 9,
    ]);
  });
});

describe("the newest page, fetched again", () => {
  it("keeps the older messages that lead up to it", () => {
    const known: Branch = {
      messages: [message({ id: 3 }), message({ id: 4 }), message({ id: 5 })],
      hasOlder: true,
    };
    const latest: Branch = { messages: [message({ id: 5 }), message({ id: 6 })], hasOlder: true };
    expect(mergeLatest(known, latest)).toEqual({
      messages: [3, 4, 5, 6].map((id) => message({ id })),
      hasOlder: true,
    });
  });

  it("stands alone when something between is missing", () => {
    const latest = branch(message({ id: 50 }), message({ id: 51 }));
    expect(mergeLatest(branch(message({ id: 3 })), latest)).toBe(latest);
  });
});
