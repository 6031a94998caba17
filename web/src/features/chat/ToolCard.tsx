import { useState } from "react";
import { useActivity } from "@/api/activityStore";
import type { CallDecision, Message, ToolState } from "@/api/types";
import { CopyButton } from "@/ui/CopyButton";
import { cx } from "@/ui/cx";
import { ChevronIcon, ToolIcon } from "@/ui/icons";
import { describeCall, parsed, toolName } from "./toolWords";

const SAID: Record<CallDecision, string> = {
  happened: "Nobody could tell whether this happened. You said that it did.",
  did_not_happen: "Nobody could tell whether this happened. You said that it did not.",
  retry: "Nobody knows whether this happened. You had it made once more, further down.",
};

/** One call of a tool with its result, as a line that opens. */
export function ToolCard({ call, result }: { call: Message | null; result: Message | null }) {
  const [open, setOpen] = useState(false);
  const data = call?.additional_data;
  const callId = data?.call_id ?? result?.additional_data?.call_id ?? "";
  const live = useActivity(({ tools }) => tools[callId]);
  const state = settled(result, live ?? data?.state) ?? live ?? data?.state ?? "running";
  const name = call?.tool_name ?? result?.tool_name ?? "tool";
  const args = data?.arguments ?? call?.content;
  const { text, subject } = describeCall(name, state, args, result?.content, data?.decision);
  const busy = state === "running" || state === "intended";

  return (
    <section
      className="tool-card max-w-full rounded-xl border border-line text-sm"
      aria-label={`Tool: ${toolName(name)}`}
    >
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex min-h-10 w-full items-center gap-2.5 rounded-xl px-3 py-2 text-start text-muted hover:bg-hover"
      >
        <ToolIcon
          width={16}
          height={16}
          className={cx("shrink-0", busy && "animate-quiet text-accent", state === "failed" && "text-danger")}
        />
        <span className="max-w-3/4 shrink-0 truncate font-medium text-text">
          {text}
          {subject && !text.endsWith("…") && ":"}
        </span>
        <span className="min-w-0 flex-1 truncate" dir="auto">
          {subject}
        </span>
        <ChevronIcon width={16} height={16} className={cx("shrink-0", open && "rotate-180")} />
      </button>
      {open && (
        <div className="animate-appear space-y-3 px-3 pt-1 pb-3">
          {data?.decision && <p className="text-muted">{SAID[data.decision]}</p>}
          {data?.retry_of && <p className="text-muted">Made once more, because you asked for it.</p>}
          {data?.permitted && (
            <p className="text-muted">
              Made without asking: you allow this tool always in this conversation.
            </p>
          )}
          <Part label="Arguments" text={pretty(args)} />
          {result && <Part label="Result" text={pretty(result.content)} />}
        </div>
      )}
    </section>
  );
}

function Part({ label, text }: { label: string; text: string }) {
  return (
    <div>
      <div className="flex h-8 items-center justify-between text-muted">
        {label}
        <CopyButton label={`Copy ${label.toLowerCase()}`} text={() => text} />
      </div>
      <pre
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        dir="auto"
        className="max-h-80 overflow-auto whitespace-pre-wrap break-words rounded-control bg-code px-3 py-2 font-mono"
      >
        {text || "(empty)"}
      </pre>
    </div>
  );
}

function settled(result: Message | null, told: ToolState | undefined): ToolState | null {
  switch (result?.tool_success) {
    case "true":
      return "succeeded";
    case "false":
      return told === "denied" ? "denied" : "failed";
    case "unknown":
      return "unknown";
    default:
      return null;
  }
}

function pretty(value: unknown): string {
  const content = parsed(value);
  return typeof content === "string" ? content : (JSON.stringify(content, null, 2) ?? "");
}
