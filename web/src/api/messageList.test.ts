import { describe, expect, it } from "vitest";
import { type Branch, dropQueued, mergeLatest, placeMessage, toBranch } from "./messageList";
import { message } from "./testData";
import type { Message } from "./types";

const branch = (...messages: Message[]): Branch => toBranch(messages, false);
const ids = ({ messages }: Branch) => messages.map(({ id }) => id);
const user = (id: number, run_id: string) =>
  message({ id, role: "user", message_type: "user_input", run_id });
const queued = (id: number) => ({ ...user(id, `q${id}`), parent_id: null, status: "queued" as const });

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

describe("a message that waits", () => {
  const before = branch(user(1, "a"), message({ id: 2, run_id: "a" }));

  it("stands behind the branch, first in first out", () => {
    const both = placeMessage(placeMessage(before, queued(7)), queued(5));
    expect(ids(both)).toEqual([1, 2]);
    expect(both.queued.map(({ id }) => id)).toEqual([5, 7]);
    const changed = placeMessage(both, { ...queued(5), content: "new" });
    expect(changed.queued.map(({ content }) => content)).toEqual(["new", ""]);
    expect(dropQueued(changed, 5).queued.map(({ id }) => id)).toEqual([7]);
  });

  it("follows the branch when its turn has come, though the messages before it are younger", () => {
    const waiting = placeMessage(before, queued(3));
    // Tool calls of the run before it.
    const grown = placeMessage(waiting, message({ id: 5, run_id: "a", parent_id: 2 }));
    const placed = placeMessage(grown, { ...queued(3), status: "complete", parent_id: 5 });
    expect(ids(placed)).toEqual([1, 2, 5, 3]);
    expect(placed.queued).toEqual([]);
    const answered = placeMessage(placed, message({ id: 4, run_id: "q3", parent_id: 3 }));
    expect(ids(answered)).toEqual([1, 2, 5, 3, 4]);
    // A late answer to the request that made it changes nothing.
    expect(placeMessage(answered, queued(3))).toBe(answered);
  });

  it("follows the branch as well where it was not seen waiting", () => {
    const grown = placeMessage(before, message({ id: 5, run_id: "a", parent_id: 2 }));
    expect(ids(placeMessage(grown, { ...queued(3), status: "complete", parent_id: 5 }))).toEqual([
      1, 2, 5, 3,
    ]);
  });

  it("is gone when it was stopped before its turn", () => {
    const stopped = placeMessage(placeMessage(before, queued(3)), { ...queued(3), status: "cancelled" });
    expect(stopped).toEqual(before);
  });
});

describe("the newest page, fetched again", () => {
  it("keeps the older messages that lead up to it", () => {
    const waits = queued(7);
    const known = toBranch([message({ id: 3 }), message({ id: 4 }), message({ id: 5 }), queued(6)], true);
    const latest = toBranch([message({ id: 5 }), message({ id: 8 }), waits], true);
    expect(mergeLatest(known, latest)).toEqual({
      messages: [3, 4, 5, 8].map((id) => message({ id })),
      hasOlder: true,
      queued: [waits],
    });
  });

  it("stands alone when something between is missing", () => {
    const latest = branch(message({ id: 50 }), message({ id: 51 }));
    expect(mergeLatest(branch(message({ id: 3 })), latest)).toBe(latest);
  });
});
