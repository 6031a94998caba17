import { useId, useState } from "react";
import { errorText } from "@/api/problem";
import type { Approval, Decision } from "@/api/types";
import { Button } from "@/ui/Button";
import { visible } from "@/util/text";
import { fields, order, toolName } from "./toolWords";

/** A call that waits for the user's word: all of it can be read, and both answers weigh the same. */
export function ApprovalCard({
  approval,
  onDecide,
}: {
  approval: Approval;
  onDecide: (approval: Approval, decision: Decision) => Promise<void>;
}) {
  const [sending, setSending] = useState<Decision | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const args = Object.entries(fields(approval.arguments));

  async function decide(decision: Decision) {
    setSending(decision);
    setProblem(null);
    try {
      await onDecide(approval, decision);
    } catch (error) {
      setProblem(errorText(error));
    } finally {
      setSending(null);
    }
  }

  const button = (decision: Decision, label: string) => (
    <Button
      busy={sending === decision}
      disabled={sending !== null}
      aria-describedby={id}
      className="min-w-28 max-sm:flex-1"
      onClick={() => void decide(decision)}
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
        <p className="text-muted">
          Tool{" "}
          <code className="font-mono text-text [overflow-wrap:anywhere]">{visible(approval.tool_name)}</code>
          {args.length === 0 && ", without arguments"}
        </p>
      </div>
      {args.length > 0 && (
        <dl className="mt-3 border-line border-t">
          {args.map(([name, value]) => (
            <div
              key={name}
              className="gap-4 border-line border-b px-4 py-2.5 sm:grid sm:grid-cols-[8rem_minmax(0,1fr)]"
            >
              <dt className="text-muted [overflow-wrap:anywhere]">{visible(name)}</dt>
              <dd dir="auto" className="whitespace-pre-wrap [overflow-wrap:anywhere]">
                {typeof value === "string" ? (
                  visible(value) || <span className="text-muted">(empty text)</span>
                ) : (
                  <code className="font-mono">{visible(JSON.stringify(value, null, 2))}</code>
                )}
              </dd>
            </div>
          ))}
        </dl>
      )}
      <div className="flex flex-wrap gap-2.5 px-4 py-3">
        {button("approve", "Approve")}
        {button("deny", "Deny")}
      </div>
      {problem && (
        <p role="alert" className="px-4 pb-3 text-danger">
          {problem} Nothing was decided.
        </p>
      )}
    </section>
  );
}
