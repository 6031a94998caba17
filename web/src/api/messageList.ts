import type { Message } from "./types";

/** The loaded end of a conversation's active branch, oldest first. */
export interface Branch {
  messages: Message[];
  hasOlder: boolean;
}

/**
 * Puts a message that was created or changed into the branch. Ids grow along a branch, so a new
 * message whose parent is inside it starts another ending: what followed the parent, other than
 * messages of the same run, is left.
 */
export function placeMessage(branch: Branch, message: Message): Branch {
  const { messages } = branch;
  const index = messages.findIndex(({ id }) => id === message.id);
  if (index >= 0) {
    const next = messages.slice();
    next[index] = message;
    return { ...branch, messages: next };
  }
  const last = messages.at(-1);
  if (!last) return { ...branch, messages: [message] };
  const sameRun = message.run_id !== null && last.run_id === message.run_id;
  if (message.id < last.id) {
    // Before the loaded part, or on a branch that has been left; within a run only the order differs.
    if (!sameRun) return branch;
    const at = messages.findIndex(({ id }) => id > message.id);
    return { ...branch, messages: messages.toSpliced(at, 0, message) };
  }
  const parent = messages.findIndex(({ id }) => id === message.parent_id);
  if (parent < 0) return { ...branch, messages: [...messages, message] };
  const kept = messages
    .slice(parent + 1)
    .filter(({ run_id }) => run_id !== null && run_id === message.run_id);
  return { ...branch, messages: [...messages.slice(0, parent + 1), ...kept, message] };
}

/** The newest page, with the older messages that are already here kept where they still lead up to it. */
export function mergeLatest(known: Branch | undefined, latest: Branch): Branch {
  const first = latest.messages[0];
  if (!known || !first) return latest;
  const older = known.messages.filter(({ id }) => id < first.id);
  const joins = older.at(-1)?.id === first.parent_id;
  return older.length && joins
    ? { messages: [...older, ...latest.messages], hasOlder: known.hasOlder }
    : latest;
}
