import { isActiveState, useActivity } from "@/api/activityStore";
import { activeRunId } from "@/api/conversationService";
import type { RunData } from "@/api/frames";
import type { Conversation, Message } from "@/api/types";

const OPEN = new Set(["queued", "streaming", "awaiting_approval"]);

/**
 * The run that is going on in a conversation. The feed tells it best; before the feed has said
 * anything, or while it is away, the messages and the conversation do.
 */
export function useRun(
  conversationId: string | null,
  conversation: Conversation | undefined,
  messages: Message[],
): { run: RunData | undefined; activeId: string | null } {
  const run = useActivity(({ runs }) => (conversationId ? runs[conversationId] : undefined));
  const live = useActivity(({ connection }) => connection === "open");
  if (run && live) return { run, activeId: isActiveState(run.state) ? run.run_id : null };
  const open = messages.findLast(({ role, status }) => role !== "user" && OPEN.has(status));
  const told = open?.run_id ?? activeRunId(conversation);
  const ended = run !== undefined && !isActiveState(run.state) && run.run_id === told;
  return { run, activeId: ended ? null : told };
}
