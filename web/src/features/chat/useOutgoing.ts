import { useEffect, useState } from "react";
import { outbox, useOutbox, type Waiting } from "@/api/outbox";

/**
 * The messages of a conversation that are on their way. Why one was refused is said here, where its text
 * is in the input again; a first one that arrived opens its conversation. One that another tab left
 * behind is only sent: whoever writes something else here is not led away from it.
 */
export function useOutgoing({
  userId,
  conversationId,
  onRefused,
  onOpenConversation,
}: {
  userId: number;
  conversationId: string | null;
  onRefused: (reason: string) => void;
  onOpenConversation: (id: string) => void;
}): Waiting[] {
  const all = useOutbox(({ waiting }) => waiting);
  const [begun, setBegun] = useState<Waiting | null>(null);
  const waiting = all.filter(
    (entry) => entry.conversation_id === conversationId && (conversationId !== null || outbox.isOurs(entry)),
  );
  // Until its conversation is open, a first message stays where it is: the empty page would blink up.
  if (begun && conversationId === null) waiting.push(begun);

  // biome-ignore lint/correctness/useExhaustiveDependencies: for each conversation that is opened
  useEffect(() => setBegun(null), [conversationId]);
  useEffect(
    () =>
      outbox.onAcknowledged((entry, id) => {
        if (entry.conversation_id !== null || conversationId !== null || !outbox.isOurs(entry)) return;
        setBegun(entry);
        onOpenConversation(id);
      }),
    [conversationId, onOpenConversation],
  );

  const refused = useOutbox((state) =>
    state.refused.find((entry) => entry.user_id === userId && entry.conversation_id === conversationId),
  );
  useEffect(() => {
    if (!refused) return;
    onRefused(refused.reason);
    outbox.dismiss(refused.client_message_id);
  }, [refused, onRefused]);

  return waiting;
}
