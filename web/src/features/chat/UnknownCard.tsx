import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { callQuery } from "@/api/calls";
import { errorText } from "@/api/problem";
import type { CallDecision, Message } from "@/api/types";
import { Button } from "@/ui/Button";
import { AlertIcon } from "@/ui/icons";
import { visible } from "@/util/text";
import { CallArguments, CallPlace } from "./CallDetails";
import { fields, order, toolName } from "./toolWords";

/** Answers whether it was taken: then the messages say the rest. */
export type OnCallDecide = (call: Message, decision: CallDecision) => Promise<boolean>;

/** A call of which nobody knows whether it happened: only its user can tell, or have it made again. */
export function UnknownCard({
  call,
  result,
  busy,
  onDecide,
}: {
  call: Message;
  result: Message;
  /** An answer is going on: another call has to wait for its end. */
  busy: boolean;
  onDecide: OnCallDecide;
}) {
  const [sending, setSending] = useState<CallDecision | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const data = call.additional_data;
  const { data: known } = useQuery(callQuery(data?.call_id ?? ""));
  const name = call.tool_name ?? "tool";
  const args = data?.arguments ?? call.content;
  const why = fields(result.content).error;

  async function decide(decision: CallDecision) {
    setSending(decision);
    setProblem(null);
    try {
      if (await onDecide(call, decision)) return;
    } catch (error) {
      setProblem(errorText(error));
    }
    setSending(null);
  }

  const keyed = data?.class === "keyed";
  const choices: { decision: CallDecision; label: string; means: string; disabled?: boolean }[] = [
    {
      decision: "retry",
      label: "Try again",
      means: busy
        ? "Possible as soon as the present answer has ended."
        : keyed
          ? "Makes the call once more, with the same key: its service should see that it is the same."
          : "Makes the call once more. If it did happen, it then happens twice.",
      disabled: busy,
    },
    {
      decision: "happened",
      label: "It happened",
      means: "Nothing is sent. The assistant is told that it is done.",
    },
    {
      decision: "did_not_happen",
      label: "It did not",
      means: "Nothing is sent. The assistant is told that it was not done.",
    },
  ];

  return (
    <section
      aria-label={`Outcome unknown: ${toolName(name)}`}
      className="animate-appear rounded-xl border border-warning/60 bg-raised text-sm"
    >
      <div id={id} className="px-4 pt-3.5">
        <h2 className="flex items-start gap-2.5 font-medium text-base [overflow-wrap:anywhere]">
          <AlertIcon className="mt-0.5 shrink-0 text-warning" />
          <span>Nobody knows whether this happened: {visible(order(name, args))}</span>
        </h2>
        <p className="mt-1 mb-1.5 [overflow-wrap:anywhere]">
          {typeof why === "string" ? visible(why) : "It may or may not have happened."} It is not repeated by
          itself.
        </p>
        <CallPlace name={name} target={known?.target} bare={Object.keys(fields(args)).length === 0} />
      </div>
      <CallArguments value={args} />
      <ul aria-label="What became of it" className="space-y-2.5 px-4 py-3">
        {choices.map(({ decision, label, means, disabled }) => (
          <li
            key={decision}
            className="flex items-center gap-3 max-sm:flex-col max-sm:items-stretch max-sm:gap-1"
          >
            <Button
              busy={sending === decision}
              disabled={disabled || sending !== null}
              aria-describedby={`${id}-${decision} ${id}`}
              className="min-w-28 shrink-0"
              onClick={() => void decide(decision)}
            >
              {label}
            </Button>
            <p id={`${id}-${decision}`} className="text-muted">
              {means}
            </p>
          </li>
        ))}
      </ul>
      {problem && (
        <p role="alert" className="px-4 pb-3 text-danger">
          {problem} Nothing was decided.
        </p>
      )}
    </section>
  );
}
