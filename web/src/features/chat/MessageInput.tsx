import { type KeyboardEvent, type Ref, useImperativeHandle, useLayoutEffect, useRef } from "react";
import { cx } from "@/ui/cx";
import { SendIcon, StopIcon } from "@/ui/icons";
import { codePoints } from "@/util/text";

/** The server's limit, in Unicode code points. */
export const MAX_LENGTH = 10_000;
const COUNT_FROM = 9_000;
/** Ten lines of 24 px and the padding. */
const MAX_HEIGHT = 10 * 24 + 24;

export interface MessageInputHandle {
  focus: () => void;
}

/** Where one writes. Enter sends, Shift+Enter breaks the line, and an input method's Enter is its own. */
export function MessageInput({
  value,
  onChange,
  onSend,
  onStop,
  busy,
  blocked,
  handle,
}: {
  value: string;
  onChange: (value: string) => void;
  onSend: (text: string) => void;
  onStop: () => void;
  /** An answer is being written: the button stops it. */
  busy: boolean;
  /** The message before is still on its way. */
  blocked: boolean;
  handle?: Ref<MessageInputHandle>;
}) {
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
  const tooLong = length > MAX_LENGTH;
  const canSend = value.trim() !== "" && !tooLong && !busy && !blocked;

  function send() {
    if (canSend) onSend(value.trim());
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key !== "Enter" || event.shiftKey) return;
    // 229: Safari ends a composition before its Enter arrives.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      className="relative flex items-end gap-2 rounded-[20px] border border-control/60 bg-raised p-1.5 ps-0 shadow-[0_1px_3px_oklch(0_0_0/6%)] transition-colors focus-within:border-accent"
    >
      <textarea
        ref={field}
        dir="auto"
        rows={1}
        aria-label="Message"
        aria-describedby={length >= COUNT_FROM ? "message-length" : undefined}
        aria-invalid={tooLong || undefined}
        placeholder="Ask anything"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        className="block max-h-[264px] min-w-0 flex-1 resize-none overflow-y-auto bg-transparent py-1.5 ps-4 leading-6 outline-none touch:py-2"
      />
      {length >= COUNT_FROM && (
        <span
          id="message-length"
          className={cx(
            "absolute end-3 -top-7 rounded-md bg-bg px-1.5 text-sm",
            tooLong ? "text-danger" : "text-muted",
          )}
        >
          {length.toLocaleString("en")} / {MAX_LENGTH.toLocaleString("en")}
        </span>
      )}
      {busy ? (
        <button type="button" aria-label="Stop" title="Stop (Esc)" onClick={onStop} className={ROUND}>
          <StopIcon className="fill-current" width={18} height={18} />
        </button>
      ) : (
        <button
          type="submit"
          aria-label="Send message"
          title="Send (Enter)"
          disabled={!canSend}
          className={ROUND}
        >
          <SendIcon width={18} height={18} />
        </button>
      )}
    </form>
  );
}

const ROUND =
  "inline-flex size-9 shrink-0 items-center justify-center rounded-full bg-accent text-on-accent transition-colors hover:bg-accent-strong disabled:bg-selected disabled:text-muted touch:size-10";
