import { useEffect, useState } from "react";
import { changeQueued, removeQueued, saysAlready } from "@/api/conversationService";
import { restoreDraft } from "@/api/drafts";
import type { Message } from "@/api/types";

/** The queued message that is being changed, and what it says by now. */
export interface QueueEdit {
  message: Message;
  text: string;
}

export interface Queue {
  editing: QueueEdit | null;
  onEdit: (edit: QueueEdit | null) => void;
  onSave: () => void;
  onRemove: (message: Message) => void;
}

/** Changing and removing messages that wait. A text that comes too late is given back to the input. */
export function useQueue({
  userId,
  conversationId,
  queued,
  attempt,
  onLate,
  onRemoved,
}: {
  userId: number;
  /** The one that is open. */
  conversationId: string | null;
  queued: Message[];
  /** Runs an action and shows why it failed. */
  attempt: (action: () => Promise<void>) => Promise<void>;
  onLate: () => void;
  onRemoved: () => void;
}): Queue {
  const [editing, setEditing] = useState<QueueEdit | null>(null);
  const waits = editing !== null && queued.some(({ id }) => id === editing.message.id);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only when it stops waiting
  useEffect(() => {
    if (!editing || waits) return;
    setEditing(null);
    const { message, text } = editing;
    if (text.trim() === "" || text === message.content) return;
    // It was saved, though the reply that says so is not here yet.
    if (saysAlready(message, text.trim())) return;
    restoreDraft(userId, message.conversation_id, text);
    // Where another conversation was opened it may well wait still.
    if (message.conversation_id === conversationId) onLate();
  }, [waits]);

  return {
    editing: waits ? editing : null,
    onEdit: setEditing,
    onSave() {
      const text = editing?.text.trim();
      if (!editing || !text) return;
      void attempt(async () => {
        await changeQueued(editing.message, text);
        setEditing((now) => (now === editing ? null : now));
      });
    },
    onRemove(message) {
      void attempt(async () => {
        await removeQueued(message);
        onRemoved();
      });
    },
  };
}
