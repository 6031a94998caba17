import { type RefObject, useCallback } from "react";
import { type DecisionOutcome, decide } from "@/api/approvals";
import { type CallOutcome, decideCall } from "@/api/calls";
import type { CallDecision } from "@/api/types";
import type { OnDecide } from "./ApprovalCard";
import type { MessageInputHandle } from "./MessageInput";
import type { OnCallDecide } from "./UnknownCard";
import type { Notices } from "./useNotices";

/** What there is to say when a decision came too late. */
const TOO_LATE: Record<Exclude<DecisionOutcome, "taken">, string> = {
  "decided-before": "This call had been decided already, perhaps on another device. It stays as it was.",
  changed: "The call has changed since it was shown. Nothing was decided: please look at it again.",
  gone: "This call no longer waits for a decision.",
};

const NOT_TAKEN: Record<Exclude<CallOutcome, "taken">, string> = {
  "decided-before": "It had been said already, perhaps on another device. It stays as it was.",
  busy: "An answer is going on in this conversation. Try again when it has ended.",
  unavailable: "This tool can't be used here any more. You can still say whether it happened.",
  gone: "This call is not here any more.",
};

const SAID: Record<CallDecision, string> = {
  retry: "The call is made once more",
  happened: "Noted: it happened",
  did_not_happen: "Noted: it did not happen",
};

/** The user's word on calls: of those that ask, and of those of which nobody knows whether they happened. */
export function useDecisions(
  { setNote, setSaid }: Pick<Notices, "setNote" | "setSaid">,
  input: RefObject<MessageInputHandle | null>,
): { onDecide: OnDecide; onCallDecide: OnCallDecide } {
  const onDecide = useCallback<OnDecide>(
    async (approval, decision, scope) => {
      setNote(null);
      const outcome = await decide(approval, decision, scope);
      if (outcome !== "taken") setNote(TOO_LATE[outcome]);
    },
    [setNote],
  );

  const onCallDecide = useCallback<OnCallDecide>(
    async (call, decision) => {
      setNote(null);
      const callId = call.additional_data?.call_id ?? "";
      const outcome = await decideCall(call.conversation_id, callId, decision);
      if (outcome !== "taken") {
        setNote(NOT_TAKEN[outcome]);
        return false;
      }
      setSaid(SAID[decision]);
      // The button that had the focus goes with its card.
      if (matchMedia("(hover: hover)").matches) input.current?.focus();
      return true;
    },
    [setNote, setSaid, input],
  );

  return { onDecide, onCallDecide };
}
