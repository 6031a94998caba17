import { Notice } from "@/ui/Notice";
import { MissingModel } from "./ModelPicker";
import type { ModelChoice } from "./useModelChoice";
import type { Notices } from "./useNotices";

/** What stands between the messages and the input. */
export function ChatNotices({
  notices: { problem, note, setProblem, setNote },
  choice,
  onChooseModel,
}: {
  notices: Notices;
  choice: ModelChoice;
  onChooseModel: () => void;
}) {
  return (
    <>
      <div aria-live="polite">
        {choice.missing && choice.id && (
          <MissingModel id={choice.id} unlisted={choice.models?.unlisted ?? []} onChoose={onChooseModel} />
        )}
        {note && <Dismissible tone="plain" text={note} onDismiss={() => setNote(null)} />}
      </div>
      {problem && <Dismissible tone="danger" text={problem} onDismiss={() => setProblem(null)} />}
    </>
  );
}

function Dismissible({
  tone,
  text,
  onDismiss,
}: {
  tone: "plain" | "danger";
  text: string;
  onDismiss: () => void;
}) {
  return (
    <Notice tone={tone} className="mb-2 flex items-start justify-between gap-3">
      <span>{text}</span>
      <button type="button" className="font-medium underline" onClick={onDismiss}>
        Dismiss
      </button>
    </Notice>
  );
}
