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
  onDone: () => void;
}) {
  const [text, setText] = useState(title);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const cancelled = useRef(false);
  useEffect(() => {
    // After the menu has given the focus back.
    const timer = setTimeout(() => field.current?.select());
    return () => clearTimeout(timer);
  }, []);

  async function save() {
    const next = text.trim();
    if (cancelled.current || next === "" || next === title) return onDone();
    try {
      await onSave(next);
      onDone();
    } catch (error) {
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
          cancelled.current = true;
          onDone();
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
