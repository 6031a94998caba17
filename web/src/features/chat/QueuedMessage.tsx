import { type KeyboardEvent, useEffect, useId, useRef } from "react";
import type { Message } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { ClockIcon, CloseIcon, PencilIcon } from "@/ui/icons";
import { codePoints } from "@/util/text";
import { MAX_LENGTH } from "./MessageInput";
import type { Queue } from "./useQueue";

/** A message that waits until the answers before it are there. Until then it can be changed and removed. */
export function QueuedMessage({ message, queue }: { message: Message; queue: Queue }) {
  const id = useId();
  const { editing, onEdit, onRemove } = queue;
  const changing = editing?.message.id === message.id;
  const edit = useRef<HTMLButtonElement>(null);
  const wasChanging = useRef(changing);
  useEffect(() => {
    if (wasChanging.current && !changing) edit.current?.focus();
    wasChanging.current = changing;
  }, [changing]);

  return (
    <article aria-labelledby={id} className="flex flex-col items-end">
      <h2 id={id} className="sr-only">
        Queued message
      </h2>
      {changing ? (
        <Editor text={editing.text} message={message} queue={queue} />
      ) : (
        <>
          <div
            dir="auto"
            className="max-w-[80%] whitespace-pre-wrap rounded-panel border border-control/60 border-dashed px-4 py-2.5 text-muted [overflow-wrap:anywhere]"
          >
            {message.content}
          </div>
          <div className="-mb-2 mt-0.5 flex h-8 items-center gap-1 text-muted text-sm touch:h-10">
            <ClockIcon width={16} height={16} />
            <span className="pe-1">Queued</span>
            <IconButton
              ref={edit}
              label="Edit queued message"
              onClick={() => onEdit({ message, text: message.content })}
            >
              <PencilIcon width={16} height={16} />
            </IconButton>
            <IconButton label="Remove from the queue" onClick={() => onRemove(message)}>
              <CloseIcon width={16} height={16} />
            </IconButton>
          </div>
        </>
      )}
    </article>
  );
}

function Editor({ text, message, queue }: { text: string; message: Message; queue: Queue }) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = field.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const tooLong = text.length > MAX_LENGTH && codePoints(text.trim()) > MAX_LENGTH;
  const canSave = text.trim() !== "" && !tooLong;
  const cancel = () => queue.onEdit(null);

  function onKeyDown(event: KeyboardEvent) {
    // 229: Safari ends a composition before its Enter arrives.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") {
      // Not the Escape that stops the answer.
      event.preventDefault();
      cancel();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (canSave) queue.onSave();
    }
  }

  return (
    <div className="w-full max-w-[80%] @max-[40rem]:max-w-full">
      <textarea
        ref={field}
        dir="auto"
        rows={Math.min(10, text.split("\n").length)}
        aria-label="Queued text"
        aria-invalid={tooLong || undefined}
        value={text}
        onChange={(event) => queue.onEdit({ message, text: event.target.value })}
        onKeyDown={onKeyDown}
        className="field-sizing-content block max-h-64 min-h-11 w-full resize-none overflow-y-auto rounded-panel border border-control bg-raised px-4 py-2.5 leading-6 outline-none focus:border-accent aria-invalid:border-danger"
      />
      <div className="mt-2 flex items-center justify-end gap-2">
        {tooLong && <span className="me-auto text-danger text-sm">This is too long.</span>}
        <Button kind="quiet" onClick={cancel}>
          Cancel
        </Button>
        <Button kind="primary" disabled={!canSave} onClick={queue.onSave}>
          Save
        </Button>
      </div>
    </div>
  );
}
