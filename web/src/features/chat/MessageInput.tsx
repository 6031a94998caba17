import { type KeyboardEvent, type Ref, useId, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { cx } from "@/ui/cx";
import { QueueIcon, SendIcon, StopIcon } from "@/ui/icons";
import { codePoints } from "@/util/text";

/** The server's limit, in Unicode code points. */
export const MAX_LENGTH = 10_000;
const COUNT_FROM = 9_000;
/** Ten lines of 24 px and the padding. */
const MAX_HEIGHT = 10 * 24 + 24;

export interface MessageInputHandle {
  focus: () => void;
}

/**
 * Where one writes. Enter sends, Shift+Enter breaks the line, and an input method's Enter is its own.
 * While an answer is being written a message waits for it, or with Ctrl or Cmd and Enter ends it.
 */
export function MessageInput({
  value,
  onChange,
  onSend,
  onInterrupt,
  onStop,
  onRecall,
  busy,
  blocked,
  handle,
}: {
  value: string;
  onChange: (value: string) => void;
  onSend: (text: string) => void;
  /** Sends in place of the answer that is being written. */
  onInterrupt: (text: string) => void;
  onStop: () => void;
  /** ↑ in the empty field: the last message is wanted again. */
  onRecall?: () => void;
  /** An answer is being written. */
  busy: boolean;
  /** The message before is still on its way. */
  blocked: boolean;
  handle?: Ref<MessageInputHandle>;
}) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(handle, () => ({ focus: () => field.current?.focus() }), []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${Math.min(element.scrollHeight, MAX_HEIGHT)}px`;
  }, [value]);

  const length = value.length < COUNT_FROM ? value.length : codePoints(value.trim());
  const near = length >= COUNT_FROM;
  const tooLong = length > MAX_LENGTH;
  const written = value.trim() !== "";
  const queues = busy && written;
  const canSend = written && !tooLong && !blocked;

  function send(interrupt = false) {
    if (!canSend) return;
    if (busy && interrupt) onInterrupt(value.trim());
    else onSend(value.trim());
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    const plain = !(event.shiftKey || event.ctrlKey || event.metaKey || event.altKey);
    if (event.key === "ArrowUp" && plain && value === "" && !event.nativeEvent.isComposing) {
      event.preventDefault();
      onRecall?.();
    }
    if (event.key !== "Enter" || event.shiftKey) return;
    // 229: Safari ends a composition before its Enter arrives.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send(event.ctrlKey || event.metaKey);
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      className="rounded-[20px] border border-control/60 bg-raised py-1.5 shadow-[0_1px_3px_oklch(0_0_0/6%)] transition-colors focus-within:border-accent"
    >
      <textarea
        ref={field}
        id={id}
        dir="auto"
        rows={1}
        aria-label="Message"
        aria-describedby={cx(near && "message-length", queues && "message-busy") || undefined}
        aria-invalid={tooLong || undefined}
        placeholder="Ask anything"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        className="block max-h-[264px] w-full resize-none overflow-y-auto bg-transparent px-4 pt-2 pb-1 leading-6 outline-none"
      />
      {/* Always here and always as high: what begins or ends must move neither the text nor the list. */}
      <div className="flex h-9 items-center justify-end gap-2 px-1.5 touch:h-10">
        {/* A click beside the text is one into it. */}
        <label
          htmlFor={id}
          className="flex h-full min-w-0 flex-1 cursor-text items-center gap-3 whitespace-nowrap ps-2.5 text-muted text-sm"
        >
          {queues && (
            <span
              id="message-busy"
              className={cx("min-w-0 animate-appear truncate", near && "max-sm:hidden")}
            >
              <span className="max-sm:hidden">Goes out after this answer</span>
              <span className="sm:hidden">Waits its turn</span>
            </span>
          )}
          {near && (
            <span id="message-length" className={cx("shrink-0", tooLong && "text-danger")}>
              {length.toLocaleString("en")}
              <span className="max-sm:sr-only"> / {MAX_LENGTH.toLocaleString("en")}</span>
            </span>
          )}
        </label>
        {queues && (
          <button
            type="button"
            title="Ctrl+Enter, on a Mac ⌘Enter"
            disabled={!canSend}
            onClick={() => send(true)}
            className="h-8 shrink-0 animate-appear rounded-control px-2 font-medium text-sm hover:bg-hover disabled:opacity-50 touch:h-10"
          >
            Interrupt
            {/* On the narrowest screens there is no room for this beside the counter. */}
            <span className={cx(near && "max-sm:sr-only")}> and send</span>
          </button>
        )}
        {busy && (
          <button
            type="button"
            aria-label="Stop"
            title="Stop (Esc)"
            onClick={onStop}
            className={cx(ROUND, written ? QUIET : STRONG)}
          >
            <StopIcon className="fill-current" width={18} height={18} />
          </button>
        )}
        {(!busy || written) && (
          <button
            type="submit"
            aria-label={busy ? "Queue message" : "Send message"}
            title={busy ? "Send after this answer (Enter)" : "Send (Enter)"}
            disabled={!canSend}
            className={cx(ROUND, STRONG)}
          >
            {busy ? <QueueIcon width={18} height={18} /> : <SendIcon width={18} height={18} />}
          </button>
        )}
      </div>
    </form>
  );
}

const ROUND =
  "inline-flex size-9 shrink-0 items-center justify-center rounded-full transition-colors disabled:bg-selected disabled:text-muted touch:size-10";
const STRONG = "bg-accent text-on-accent hover:bg-accent-strong";
const QUIET = "border border-control/60 text-text hover:bg-hover";
