import { useEffect } from "react";
import { useActivity } from "@/api/activityStore";
import { loadOlder } from "@/api/conversationService";
import type { Branch } from "@/api/messageList";

/**
 * Fetches the messages before those that are here while their place is near the view: also where one
 * page does not fill it, and once more when a server that was away is back.
 */
export function useOlder(conversationId: string | null, branch: Branch, near: boolean): void {
  const nearTop = branch.hasOlder && near;
  const oldest = branch.messages[0]?.id;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them is a reason to ask
  useEffect(() => {
    if (!nearTop || !conversationId) return;
    const ask = () => loadOlder(conversationId);
    const giveUp = () => undefined;
    void ask().catch(giveUp);
    return useActivity.subscribe(({ connection }, before) => {
      if (connection !== "open" || before.connection === "open") return;
      // What was asked before may hang until now, and fail.
      void ask().catch(ask).catch(giveUp);
    });
  }, [nearTop, conversationId, oldest]);
}
