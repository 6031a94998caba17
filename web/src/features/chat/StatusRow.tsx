import type { RunData, TypingData } from "@/api/frames";
import { cx } from "@/ui/cx";
import { useDelayed } from "@/util/useDelayed";
import { doing } from "./toolWords";

const QUEUED_AFTER = 400;

/** What the assistant is doing while there is nothing to read yet. */
export function StatusRow({
  run,
  phase,
  asks,
  writing,
  subject,
}: {
  run: RunData | undefined;
  phase: TypingData | undefined;
  /** A call waits for the user's word. */
  asks: boolean;
  /** Text is arriving: the text itself says enough. */
  writing: boolean;
  /** The model that is thinking, for the detail after a while. */
  subject: string | null;
}) {
  const waits = asks || run?.state === "awaiting_approval";
  const state = waits ? "approval" : (phase?.state ?? run?.state ?? "thinking");
  const late = useDelayed(!writing, 3_000);
  // Most runs begin at once: the words for waiting would only flash.
  const waitsLong = useDelayed(state === "queued", QUEUED_AFTER);
  const silent = state === "queued" && !waitsLong;
  return (
    <div className="flex h-8 items-center gap-2.5 text-muted" data-state={writing ? "writing" : state}>
      <span
        aria-hidden="true"
        className={cx("size-2 rounded-full", waits ? "bg-warning" : "animate-quiet bg-accent")}
      />
      {(waits || !writing) && !silent && (
        <span>
          {label(state, phase?.detail)}
          {late && <span className="animate-appear text-sm"> {detail(state, phase?.detail, subject)}</span>}
        </span>
      )}
    </div>
  );
}

function label(state: string, what: string | null | undefined): string {
  if (state === "approval") return "Waiting for your approval";
  if (state === "queued") return "Waiting for its turn…";
  if (state === "tool") return what ? `${doing(what)}…` : "Using a tool…";
  return "AI is thinking…";
}

function detail(state: string, what: string | null | undefined, subject: string | null): string {
  if (state === "queued") return "Other answers are being written";
  if (state === "approval" || state === "tool") return "";
  return what ?? (subject ? `Reading the conversation with ${subject}` : "Reading the conversation");
}
