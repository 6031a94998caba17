import { useEffect, useRef, useState } from "react";
import type { Message } from "@/api/types";

/** Tells screen readers when an answer begins, waits and ends, never each word of it. */
export function Announcer({
  asks,
  doubts,
  active,
  outcome,
  queued,
  conversationId,
}: {
  asks: boolean;
  /** Of a call in the messages nobody knows whether it happened. */
  doubts: boolean;
  active: boolean;
  outcome: string | undefined;
  queued: number;
  conversationId: string | null;
}) {
  const [words, setWords] = useState("");
  const was = useRef({ asks: false, active: false, queued, conversationId });
  useEffect(() => {
    const before = was.current;
    was.current = { asks, active, queued, conversationId };
    // Looking at another conversation is not news of this one.
    if (before.conversationId !== conversationId && before.conversationId !== null) setWords("");
    else if (active && queued > before.queued)
      setWords(queued > 1 ? `${queued} messages queued` : "Message queued");
    else if (asks && !before.asks) setWords("The assistant asks for your approval");
    else if (active && !asks && before.asks) setWords("Answering");
    else if (active && !before.active) setWords("Answering");
    else if (!active && before.active) {
      const ends: Record<string, string> = { failed: "Answer failed", cancelled: "Answer stopped" };
      const end = ends[outcome ?? ""] ?? "Answer ready";
      setWords(doubts ? `${end}. Nobody knows whether a call happened` : end);
    }
  }, [asks, doubts, active, outcome, queued, conversationId]);
  return (
    <div aria-live="polite" className="sr-only">
      {words}
    </div>
  );
}

/** Whether of a call in the messages nobody knows if it happened, and nobody has said so either. */
export function hasDoubts(messages: Message[]): boolean {
  const unknown = messages.filter(({ tool_success }) => tool_success === "unknown");
  const calls = new Set(unknown.map(({ additional_data }) => additional_data?.call_id));
  return messages.some(
    ({ message_type, additional_data: data }) =>
      message_type === "tool_call" && calls.has(data?.call_id) && !data?.decision,
  );
}
