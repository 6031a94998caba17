import { useCallback, useEffect, useState } from "react";
import { useActivity } from "@/api/activityStore";
import { loadOlder } from "@/api/conversationService";
import type { Branch } from "@/api/messageList";

export interface Older {
  /** They could not be had when they were last asked for. */
  failed: boolean;
  /** Asks for them; where `insisting`, also when what was asked before hangs until now, and fails. */
  ask: (insisting?: boolean) => Promise<void>;
}

/** The messages before those that are here. */
export function useOlder(conversationId: string | null): Older {
  const [failed, setFailed] = useState(false);
  const ask = useCallback(
    async (insisting = false) => {
      if (!conversationId) return;
      const load = () => loadOlder(conversationId);
      const loading = insisting ? load().catch(load) : load();
      await loading.then(
        () => setFailed(false),
        () => setFailed(true),
      );
    },
    [conversationId],
  );
  return { failed, ask };
}

/**
 * Fetches them while their place is near the view: also where one page does not fill it, and once more
 * when a server that was away is back.
 */
export function useOlderWhenNear(ask: Older["ask"], branch: Branch, near: boolean): void {
  const nearTop = branch.hasOlder && near;
  const oldest = branch.messages[0]?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them is a reason to ask
  useEffect(() => {
    if (!nearTop) return;
    void ask();
    return useActivity.subscribe(({ connection }, before) => {
      if (connection === "open" && before.connection !== "open") void ask(true);
    });
  }, [nearTop, ask, oldest]);
}
