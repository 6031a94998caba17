import { useEffect, useRef, useState } from "react";
import { errorText } from "@/api/problem";

/** The title as a field; it is saved by Enter, and by going elsewhere. */
export function RenameConversation({
  title,
  onSave,
  onDone,
}: {
  title: string;
  onSave: (title: string) => Promise<void>;
  /** `byKey`: the focus was still in the field. */
  onDone: (byKey: boolean) => void;
}) {
  const [text, setText] = useState(title);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const over = useRef(false);
  useEffect(() => {
    // After the menu has given the focus back.
    const timer = setTimeout(() => {
      field.current?.focus();
      field.current?.select();
    });
    return () => clearTimeout(timer);
  }, []);

  function done() {
    over.current = true;
    onDone(document.activeElement === field.current);
  }

  async function save() {
    // The field loses the focus while it is saved or taken away, too.
    if (over.current) return;
    const next = text.trim();
    if (next === "" || next === title) return done();
    over.current = true;
    try {
      await onSave(next);
      done();
    } catch (error) {
      over.current = false;
      setProblem(errorText(error));
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <input
        ref={field}
        aria-label="Conversation title"
        aria-invalid={problem !== null || undefined}
        dir="auto"
        maxLength={200}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => void save()}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          done();
        }}
        className="h-9 w-full rounded-control border border-accent bg-raised px-2 text-sm outline-none"
      />
      {problem && (
        <p role="alert" className="px-2 py-1 text-danger text-sm">
          {problem}
        </p>
      )}
    </form>
  );
}
