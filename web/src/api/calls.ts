import { queryOptions } from "@tanstack/react-query";
import { api } from "./apiClient";
import { startedRun } from "./live";
import { ApiError, unwrap } from "./problem";
import { keys, queryClient } from "./queryClient";
import type { Call, CallDecision } from "./types";

/** A call as the ledger knows it; where it goes is not in its message. */
export const callQuery = (callId: string) =>
  queryOptions({
    queryKey: keys.call(callId),
    queryFn: async () =>
      (await unwrap(
        api.GET("/api/v1/chat/calls/{call_id}", { params: { path: { call_id: callId } } }),
      )) as Call,
  });

/** What became of saying how a call ended: `taken`, or why it was not. */
export type CallOutcome = "taken" | "decided-before" | "busy" | "unavailable" | "gone";

const REFUSALS: Record<string, CallOutcome> = {
  already_decided: "decided-before",
  call_not_unknown: "decided-before",
  run_active: "busy",
  run_awaiting_approval: "busy",
  tool_unavailable: "unavailable",
  not_found: "gone",
};

/** Says what became of a call that nobody knows about, or has it made once more. */
export async function decideCall(
  conversationId: string,
  callId: string,
  decision: CallDecision,
): Promise<CallOutcome> {
  try {
    const call = await unwrap(
      api.POST("/api/v1/chat/calls/{call_id}", {
        params: { path: { call_id: callId } },
        body: { decision },
      }),
    );
    if (call.retried_by) startedRun(conversationId, call.retried_by.run_id);
    return "taken";
  } catch (error) {
    const refusal = error instanceof ApiError ? REFUSALS[error.code] : undefined;
    if (!refusal) throw error;
    // Another device was faster: what it said is in the messages.
    if (refusal === "decided-before") {
      void queryClient.invalidateQueries({ queryKey: keys.messages(conversationId) });
    }
    return refusal;
  }
}
