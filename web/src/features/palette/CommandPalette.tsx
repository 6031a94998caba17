import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { conversationTitle, type Found, useFoundConversations } from "@/api/conversationService";
import { errorText } from "@/api/problem";
import { cx } from "@/ui/cx";
import { Dialog } from "@/ui/Dialog";
import { Keys } from "./Keys";

export interface Command {
  label: string;
  /** The keys that do the same, one name each. */
  keys?: string[];
  run: () => void;
}

/** More conversations than this are found by typing more. */
const SHOWN = 8;

/** Goes to a conversation or does something, by a few letters of its name. */
export default function CommandPalette({
  commands,
  onOpenConversation,
  onClose,
}: {
  commands: Command[];
  onOpenConversation: (id: string) => void;
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  /** By its id: the list may change below the fingers. The first one, where nothing is marked. */
  const [marked, setMarked] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();
  const words = text.trim();
  const found = useFoundConversations(words);
  const options = [
    ...commands
      .filter(({ label }) => label.toLowerCase().includes(words.toLowerCase()))
      .map((command) => ({ ...command, id: command.label, kind: "" })),
    ...found.conversations.slice(0, SHOWN).map((conversation) => ({
      id: conversation.conversation_id,
      label: conversationTitle(conversation),
      kind: "Conversation",
      keys: undefined,
      run: () => onOpenConversation(conversation.conversation_id),
    })),
  ];
  const known = options.findIndex((option) => option.id === marked);
  const current = known < 0 ? Math.min(0, options.length - 1) : known;
  const nameOf = (index: number) => `${id}-${index}`;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the marked one is to be seen
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView?.({ block: "nearest" });
  }, [current]);

  const mark = (index: number) => setMarked(options[index]?.id ?? null);

  function take(index: number) {
    const option = options[index];
    if (!option) return;
    onClose();
    option.run();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) mark((current + step + options.length) % options.length);
    else if (event.key === "Enter") take(current);
    else return;
    event.preventDefault();
  }

  return (
    <Dialog onClose={onClose} title="Go to" initialFocus={field}>
      <input
        ref={field}
        role="combobox"
        aria-label="Search conversations and commands"
        aria-expanded="true"
        aria-controls={id}
        aria-activedescendant={current >= 0 ? nameOf(current) : undefined}
        autoComplete="off"
        dir="auto"
        placeholder="Search conversations and commands"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setMarked(null);
        }}
        onKeyDown={onKeyDown}
        className="h-10 w-full rounded-control border border-control/70 bg-raised px-3"
      />
      <div
        ref={list}
        id={id}
        role="listbox"
        aria-label="Conversations and commands"
        className="mt-2 max-h-[50dvh] overflow-y-auto"
      >
        {options.map((option, index) => (
          <button
            key={option.id}
            id={nameOf(index)}
            type="button"
            role="option"
            tabIndex={-1}
            aria-selected={index === current}
            onPointerMove={() => mark(index)}
            onClick={() => take(index)}
            className={cx(
              "flex min-h-10 w-full items-center gap-3 rounded-control px-3 text-start text-sm",
              index === current && "bg-selected",
            )}
          >
            <span className="min-w-0 flex-1 truncate" dir="auto">
              {option.label}
            </span>
            {option.kind && <span className="shrink-0 text-muted">{option.kind}</span>}
            {option.keys && <Keys names={option.keys} />}
          </button>
        ))}
      </div>
      <p role="status" className="px-3 text-muted text-sm not-empty:py-2">
        {status(options.length, found)}
      </p>
    </Dialog>
  );
}

function status(options: number, { searching, error }: Found): string | null {
  if (error) return `Older conversations were not searched: ${errorText(error)}`;
  if (options > 0) return null;
  return searching ? "Searching…" : "Nothing has this in its name.";
}
