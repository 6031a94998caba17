import { useId, useState } from "react";
import { errorText } from "@/api/problem";
import type { Approval, Decision, Scope } from "@/api/types";
import { Button } from "@/ui/Button";
import { visible } from "@/util/text";
import { CallArguments, CallPlace } from "./CallDetails";
import { fields, order, toolName } from "./toolWords";

export type OnDecide = (approval: Approval, decision: Decision, scope: Scope) => Promise<void>;

/** A call that waits for the user's word: all of it can be read, and both answers weigh the same. */
export function ApprovalCard({ approval, onDecide }: { approval: Approval; onDecide: OnDecide }) {
  const [sending, setSending] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const alwaysId = useId();

  async function decide(decision: Decision, scope: Scope) {
    setSending(decision + scope);
    setProblem(null);
    try {
      await onDecide(approval, decision, scope);
    } catch (error) {
      setProblem(errorText(error));
    } finally {
      setSending(null);
    }
  }

  const button = (decision: Decision, label: string) => (
    <Button
      busy={sending === `${decision}once`}
      disabled={sending !== null}
      aria-describedby={id}
      className="min-w-28 max-sm:flex-1"
      onClick={() => void decide(decision, "once")}
    >
      {label}
    </Button>
  );

  return (
    <section
      aria-label={`Approval: ${toolName(approval.tool_name)}`}
      className="animate-appear rounded-xl border border-control/70 bg-raised text-sm"
    >
      <div id={id} className="px-4 pt-3.5">
        <h2 className="font-medium text-base [overflow-wrap:anywhere]">
          The assistant asks to {visible(order(approval.tool_name, approval.arguments))}
        </h2>
        <CallPlace
          name={approval.tool_name}
          target={approval.target}
          bare={Object.keys(fields(approval.arguments)).length === 0}
        />
      </div>
      <CallArguments value={approval.arguments} />
      <div className="flex flex-wrap gap-2.5 px-4 py-3">
        {button("approve", "Approve")}
        {button("deny", "Deny")}
      </div>
      <div className="flex items-center gap-3 border-line border-t px-4 py-3 max-sm:flex-col max-sm:items-stretch max-sm:gap-1">
        <Button
          busy={sending === "approveconversation"}
          disabled={sending !== null}
          aria-describedby={alwaysId}
          className="max-sm:w-full"
          onClick={() => void decide("approve", "conversation")}
        >
          Allow always in this conversation
        </Button>
        <p id={alwaysId} className="text-muted">
          Later calls of this tool here are made without asking, whatever their arguments.
        </p>
      </div>
      {problem && (
        <p role="alert" className="px-4 pb-3 text-danger">
          {problem} Nothing was decided.
        </p>
      )}
    </section>
  );
}
