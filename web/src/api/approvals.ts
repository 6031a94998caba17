import { queryOptions } from "@tanstack/react-query";
import { api } from "./apiClient";
import { reloadPermissions } from "./permissions";
import { ApiError, unwrap } from "./problem";
import { keys, queryClient } from "./queryClient";
import type { Approval, Decision, Scope } from "./types";

/** The calls that wait for the user's word, in all conversations, oldest first. */
export const approvalsQuery = queryOptions({
  queryKey: keys.approvals,
  queryFn: async () => (await unwrap(api.GET("/api/v1/chat/approvals"))).approvals as Approval[],
});

/** A call began to wait, or was decided here or on another device. */
export function receiveApproval(approval: Approval): void {
  if (approval.scope === "conversation") reloadPermissions(approval.conversation_id);
  queryClient.setQueryData<Approval[]>(keys.approvals, (known) => {
    if (!known) return undefined;
    const others = known.filter(({ approval_id }) => approval_id !== approval.approval_id);
    return approval.decision === null ? [...others, approval] : others;
  });
  // What is being fetched may be older than this.
  if (queryClient.isFetching({ queryKey: keys.approvals })) reload();
}

const reload = () => void queryClient.invalidateQueries({ queryKey: keys.approvals });

/** What became of a decision: `taken`, or why it no longer counts. */
export type DecisionOutcome = "taken" | "decided-before" | "changed" | "gone";

const REFUSALS: Record<string, DecisionOutcome> = {
  already_decided: "decided-before",
  arguments_changed: "changed",
  not_found: "gone",
};

/** Says yes or no to exactly the call that was shown; a yes may reach through the conversation. */
export async function decide(
  approval: Approval,
  decision: Decision,
  scope: Scope = "once",
): Promise<DecisionOutcome> {
  try {
    const decided = await unwrap(
      api.POST("/api/v1/chat/approvals/{id}", {
        params: { path: { id: approval.approval_id } },
        body: { decision, arguments_hash: approval.arguments_hash, scope },
      }),
    );
    receiveApproval(decided as Approval);
    return "taken";
  } catch (error) {
    const refusal = error instanceof ApiError ? REFUSALS[error.code] : undefined;
    if (!refusal) throw error;
    reload();
    return refusal;
  }
}
