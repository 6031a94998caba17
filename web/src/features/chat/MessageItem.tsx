import { memo, type ReactNode, useId } from "react";
import { useOutbox, type Waiting } from "@/api/outbox";
import { useStreams } from "@/api/streamStore";
import type { Message } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { CopyButton } from "@/ui/CopyButton";
import { AlertIcon, ChevronIcon, RetryIcon } from "@/ui/icons";
import { exactTime, shortTime } from "@/util/time";
import { EarlierVersions } from "./EarlierVersions";
import { limitWords } from "./limitWords";
import { Markdown } from "./Markdown";

interface Actions {
  /**
   * Puts another answer in the place of this one. Only of the latest answer: what comes after another
   * would go with it, and what has been replaced is kept but can't be opened here.
   */
  onRetry: ((message: Message) => void) | null;
  /** Asks for the rest of what a limit ended; only of the latest answer. */
  onGoOn: (() => void) | null;
  onExplainModel: () => void;
}

export const MessageItem = memo(function MessageItem({
  message,
  endsTurn,
  ...actions
}: { message: Message; endsTurn: boolean } & Actions) {
  if (message.role === "user") return <UserMessage message={message} />;
  if (message.role === "system") return <SystemMessage text={message.content} />;
  return <Answer message={message} endsTurn={endsTurn} {...actions} />;
});

function Bubble({ text, footer }: { text: string; footer: ReactNode }) {
  const id = useId();
  return (
    <article aria-labelledby={id} className="group flex flex-col items-end">
      <h2 id={id} className="sr-only">
        You said
      </h2>
      <div
        dir="auto"
        className="max-w-[80%] whitespace-pre-wrap rounded-panel bg-bubble px-4 py-2.5 [overflow-wrap:anywhere]"
      >
        {text}
      </div>
      <div className="-mb-2 mt-0.5 flex h-8 items-center gap-1 text-muted text-sm">{footer}</div>
    </article>
  );
}

function UserMessage({ message }: { message: Message }) {
  return (
    <Bubble
      text={message.content}
      footer={
        <span className="message-actions">
          <When iso={message.timestamp} />
          <CopyButton label="Copy message" text={() => message.content} />
        </span>
      }
    />
  );
}

/** A message that the server has not confirmed yet. */
export function WaitingMessage({ entry, late }: { entry: Waiting; late: boolean }) {
  const held = useOutbox((outbox) => outbox.held[entry.client_message_id]);
  const words = held ? `Waiting to be sent: ${HELD[held.code] ?? HELD.other}` : "Waiting to be sent";
  return (
    <Bubble text={entry.content} footer={(late || held) && <span className="animate-appear">{words}</span>} />
  );
}

/** Why a message waits though the server can be reached, by the code of its answer. */
const HELD: Record<string, string> = {
  draining: "the server is restarting",
  not_writable: "the server can’t store anything now",
  outcome_unknown: "it is not certain yet that it was stored",
  rate_limited: "too many messages in a short time",
  other: "the server can’t take it now",
};

function SystemMessage({ text }: { text: string }) {
  return <p className="text-center text-muted text-sm">{text}</p>;
}

function Answer({
  message,
  endsTurn,
  onRetry,
  onGoOn,
  onExplainModel,
}: { message: Message; endsTurn: boolean } & Actions) {
  const id = useId();
  const stream = useStreams(({ texts }) => texts[message.id]);
  const text = stream?.text || message.content;
  const reasoning = stream?.reasoning || message.additional_data?.reasoning || "";
  const data = message.additional_data;
  const growing = message.status === "streaming" || message.status === "queued";

  return (
    <article aria-labelledby={id} className="group" aria-busy={growing || undefined}>
      <h2 id={id} className="sr-only">
        Assistant said
      </h2>
      {reasoning && <Reasoning text={reasoning} />}
      {text && <Markdown text={text} growing={growing} />}
      {message.revision > 1 && <EarlierVersions message={message} />}
      <Outcome message={message} hasText={text !== ""} onRetry={endsTurn ? onRetry : null} onGoOn={onGoOn} />
      {!growing && (endsTurn || data?.resumed) && (
        <div className="mt-1.5 flex min-h-8 flex-wrap items-center gap-x-3 text-muted text-sm">
          {data?.resumed && <span>Continued after a restart</span>}
          {data?.built_in && endsTurn && (
            <button
              type="button"
              className="text-start underline decoration-line underline-offset-3 hover:text-text"
              onClick={onExplainModel}
            >
              Answered by the tiny built-in model
            </button>
          )}
          {endsTurn && (
            <span className="message-actions first:-ms-2">
              {text && <CopyButton label="Copy answer" text={() => text} />}
              {onRetry && message.status !== "failed" && (
                <IconButton label="Retry" onClick={() => onRetry(message)}>
                  <RetryIcon width={16} height={16} />
                </IconButton>
              )}
              <Retried message={message} />
              <When iso={message.timestamp} />
            </span>
          )}
        </div>
      )}
    </article>
  );
}

/** That there were other answers: no count like “2 / 3”, which would promise a way to them. */
function Retried({ message: { siblings } }: { message: Message }) {
  const times = siblings.length - 1;
  if (times < 1) return null;
  return <span className="px-1">{["Retried", "Retried twice"][times - 1] ?? `Retried ${times} times`}</span>;
}

function When({ iso }: { iso: string }) {
  return (
    <time dateTime={iso} title={exactTime(iso)} className="px-1">
      {shortTime(iso)}
    </time>
  );
}

/** Beside Retry, for an answer that a limit ended before it was one. */
const WAYS_OUT = "Ask again, ask for less at a time, or choose another model.";

/** How an answer ended when it did not simply end well. */
function Outcome({
  message,
  hasText,
  onRetry,
  onGoOn,
}: {
  message: Message;
  hasText: boolean;
} & Pick<Actions, "onRetry" | "onGoOn">) {
  const { status, additional_data: data } = message;
  const limit = limitWords(message);
  const kept = onRetry ? "What was written stays until you retry." : "What was written is kept.";
  if (status === "complete" && limit) {
    return (
      <div className="mt-2 flex flex-wrap items-center gap-x-3 gap-y-2 text-muted text-sm">
        <p className="min-w-48 flex-1">
          {limit}
          {onGoOn && " You can ask it to go on from here."}
        </p>
        {onGoOn && <Button onClick={onGoOn}>Go on</Button>}
      </div>
    );
  }
  if (status === "cancelled" || status === "interrupted") {
    return (
      <p className="mt-2 text-muted text-sm">
        {status === "cancelled" ? "Stopped" : "Interrupted"}
        {hasText ? `. ${kept}` : " before anything was written."}
      </p>
    );
  }
  if (status !== "failed") return null;
  return (
    <div className="mt-2 flex animate-appear flex-wrap items-start gap-x-3 gap-y-2 rounded-xl bg-danger-bg px-4 py-3 text-sm">
      <AlertIcon width={18} height={18} className="mt-px shrink-0 text-danger" />
      <div className="min-w-48 flex-1 [overflow-wrap:anywhere]">
        <p className="font-medium text-danger">The answer could not be finished</p>
        <p>{limit ? `${limit} ${WAYS_OUT}` : (data?.error?.detail ?? "The model stopped unexpectedly.")}</p>
        {hasText && <p>{kept}</p>}
      </div>
      {onRetry && <Button onClick={() => onRetry(message)}>Retry</Button>}
    </div>
  );
}

function Reasoning({ text }: { text: string }) {
  return (
    <details className="group/reasoning mb-3 text-muted text-sm">
      <summary className="flex w-fit list-none items-center gap-1 rounded-control py-1 pe-2 hover:text-text">
        <ChevronIcon
          width={16}
          height={16}
          className="-rotate-90 group-open/reasoning:rotate-0 rtl:rotate-90"
        />
        Reasoning
      </summary>
      <div dir="auto" className="whitespace-pre-wrap border-line border-s-2 ps-4 [overflow-wrap:anywhere]">
        {text}
      </div>
    </details>
  );
}
