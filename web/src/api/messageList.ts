import type { Message } from "./types";

/** The loaded end of a conversation's active branch, oldest first, and what waits behind it. */
export interface Branch {
  messages: Message[];
  hasOlder: boolean;
  /** The user's messages that wait for the answers before them, next one first. */
  queued: Message[];
}

/** Waits behind the run that goes on: the message has no place in the branch yet. */
export const isQueued = ({ role, status }: Message): boolean => role === "user" && status === "queued";

/** Divides what the server lists: the queue follows the branch. */
export function toBranch(listed: Message[], hasOlder: boolean): Branch {
  return {
    messages: listed.filter((message) => !isQueued(message)),
    hasOlder,
    queued: listed.filter(isQueued),
  };
}

/** Takes a message out of the queue: it was removed. */
export function dropQueued(branch: Branch, id: number): Branch {
  return { ...branch, queued: branch.queued.filter((message) => message.id !== id) };
}

/**
 * Puts a message that was created or changed into the branch or its queue. A new message whose
 * parent is inside the branch starts another ending: what followed the parent, other than messages
 * of the same run, is left. Ids grow along a branch, but for messages that waited.
 */
export function placeMessage(branch: Branch, message: Message): Branch {
  const { messages } = branch;
  const index = messages.findIndex(({ id }) => id === message.id);
  if (isQueued(message)) {
    // A reply that was overtaken by the feed.
    if (index >= 0) return branch;
    const others = dropQueued(branch, message.id).queued;
    return { ...branch, queued: [...others, message].sort((a, b) => a.id - b.id) };
  }
  const waited = branch.queued.some(({ id }) => id === message.id);
  if (waited) {
    const rest = dropQueued(branch, message.id);
    // Stopped before its turn, it never comes into the branch.
    return message.status === "cancelled" ? rest : follow(rest, message);
  }
  if (index >= 0) {
    const next = messages.slice();
    next[index] = message;
    return { ...branch, messages: next };
  }
  const last = messages.at(-1);
  if (!last || last.id === message.parent_id) return { ...branch, messages: [...messages, message] };
  const sameRun = message.run_id !== null && last.run_id === message.run_id;
  if (message.id < last.id) {
    // Before the loaded part, or on a branch that has been left; within a run only the order differs.
    if (!sameRun) return branch;
    const at = messages.findIndex(({ id, run_id }) => run_id === message.run_id && id > message.id);
    return { ...branch, messages: messages.toSpliced(at, 0, message) };
  }
  return follow(branch, message);
}

/** Puts a message behind its parent, or at the end where that is not here. */
function follow(branch: Branch, message: Message): Branch {
  const { messages } = branch;
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
  const parent = known.messages.findIndex(({ id }) => id === first.parent_id);
  return parent >= 0
    ? {
        ...latest,
        messages: [...known.messages.slice(0, parent + 1), ...latest.messages],
        hasOlder: known.hasOlder,
      }
    : latest;
}
