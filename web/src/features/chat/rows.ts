import type { Waiting } from "@/api/outbox";
import type { Approval, Message } from "@/api/types";

export type Row =
  | { kind: "older"; key: string }
  | { kind: "message"; key: string; message: Message; endsTurn: boolean }
  | { kind: "tool"; key: string; call: Message | null; result: Message | null }
  | { kind: "approval"; key: string; approval: Approval }
  | { kind: "unknown"; key: string; call: Message; result: Message }
  | { kind: "waiting"; key: string; entry: Waiting }
  | { kind: "queued"; key: string; message: Message }
  | { kind: "omitted"; key: string }
  | { kind: "status"; key: string };

const isOpen = ({ status }: Message) =>
  status === "queued" || status === "streaming" || status === "awaiting_approval";

/** A model call that only called tools, or has not said anything yet, has nothing to show of its own. */
const isSilent = (message: Message, hasText: (message: Message) => boolean) =>
  message.message_type === "assistant_response" &&
  !hasText(message) &&
  (message.status === "complete" || isOpen(message));

/** What the list shows for the messages of a branch: one row per bubble, answer or tool call. */
export function buildRows(
  messages: Message[],
  waiting: Waiting[],
  {
    active,
    hasText,
    approvals = [],
    queued = [],
    olderFailed = false,
  }: {
    active: boolean;
    hasText: (message: Message) => boolean;
    /** The calls that wait for the user's word: each is shown in the place of its line. */
    approvals?: Approval[];
    /** What waits for the answers before it: below what is being written. */
    queued?: Message[];
    /** What was said before could not be had: that is said in its place. */
    olderFailed?: boolean;
  },
): Row[] {
  const asking = new Map(approvals.map((approval) => [approval.call_id, approval]));
  const ask = (approval: Approval): Row => ({ kind: "approval", key: approval.approval_id, approval });
  const results = new Map<string, Message>();
  const calls = new Set<string>();
  const omittedBefore = new Set<number>();
  for (const message of messages) {
    const callId = message.additional_data?.call_id;
    if (callId && message.message_type === "tool_result") results.set(callId, message);
    if (callId && message.message_type === "tool_call") calls.add(callId);
    const omitted = message.additional_data?.context?.omitted_before;
    // Only the latest answer's view of the history is of interest.
    if (omitted !== undefined) omittedBefore.clear();
    if (omitted !== undefined) omittedBefore.add(omitted);
  }

  const rows: Row[] = olderFailed ? [{ kind: "older", key: "older" }] : [];
  for (const message of messages) {
    if (omittedBefore.has(message.id)) rows.push({ kind: "omitted", key: `omitted-${message.id}` });
    const callId = message.additional_data?.call_id;
    if (message.message_type === "tool_call") {
      const result = (callId && results.get(callId)) || null;
      const approval = callId && !result ? asking.get(callId) : undefined;
      if (callId) asking.delete(callId);
      if (approval) rows.push(ask(approval));
      else if (result?.tool_success === "unknown" && !message.additional_data?.decision) {
        rows.push({ kind: "unknown", key: `m${message.id}`, call: message, result });
      } else {
        rows.push({ kind: "tool", key: `m${message.id}`, call: message, result });
      }
    } else if (message.message_type === "tool_result") {
      if (!callId || !calls.has(callId)) {
        rows.push({ kind: "tool", key: `m${message.id}`, call: null, result: message });
      }
    } else if (!isSilent(message, hasText)) {
      const key = message.client_message_id ?? `m${message.id}`;
      rows.push({ kind: "message", key, message, endsTurn: false });
    }
  }

  const stored = [...messages, ...queued];
  const acknowledged = new Set(stored.map(({ client_message_id }) => client_message_id));
  const unsent = waiting
    .filter(({ client_message_id }) => !acknowledged.has(client_message_id))
    .map((entry): Row => ({ kind: "waiting", key: entry.client_message_id, entry }));
  if (!active) rows.push(...unsent);
  // The call itself is not here yet.
  for (const approval of asking.values()) rows.push(ask(approval));
  markEnds(rows, active);
  if (active) rows.push({ kind: "status", key: "status" });
  for (const message of queued) {
    rows.push({ kind: "queued", key: message.client_message_id ?? `m${message.id}`, message });
  }
  if (active) rows.push(...unsent);
  return rows;
}

/** The last answer before the user speaks again carries the actions of its turn. */
function markEnds(rows: Row[], active: boolean): void {
  let ends = !active;
  for (const row of rows.toReversed()) {
    if (row.kind === "waiting") ends = true;
    if (row.kind !== "message") continue;
    if (row.message.role === "user") ends = true;
    else {
      row.endsTurn = ends;
      ends = false;
    }
  }
}
