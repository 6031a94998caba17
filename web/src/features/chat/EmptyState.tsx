import type { Model } from "@/api/types";

const IDEAS = [
  { title: "Keep a list", text: "Add “water the plants” to my todos" },
  { title: "Work something out", text: "What is 17.5 % of 2,340?" },
  { title: "Ask for the date", text: "What day of the week is it 45 days from now?" },
];

/** The tiny built-in model has no tools: what it can do is write. */
const IDEAS_BUILT_IN = [
  { title: "Learn a fact", text: "What is the capital of France?" },
  { title: "Get an explanation", text: "Explain what a lighthouse is for" },
  { title: "Read a story", text: "Write a short story about the sea" },
];

/** The start of a conversation: three things that work, unless the operator has taken their tools away. */
export function EmptyState({
  name,
  model,
  onPick,
  onExplainModel,
}: {
  name: string;
  model: Model | undefined;
  onPick: (text: string) => void;
  onExplainModel: () => void;
}) {
  const ideas = model?.built_in ? IDEAS_BUILT_IN : IDEAS;
  const first = name.trim().split(/\s+/)[0];
  return (
    <div className="flex min-h-0 flex-1 overflow-y-auto">
      <div className="m-auto w-full max-w-measure animate-appear px-4 py-8">
        <h2 className="text-balance text-center font-semibold text-xl" dir="auto">
          {first ? `What can I do for you, ${first}?` : "What can I do for you?"}
        </h2>
        <ul className="mt-8 grid gap-2.5 sm:grid-cols-3">
          {ideas.map(({ title, text }) => (
            <li key={text}>
              <button
                type="button"
                onClick={() => onPick(text)}
                className="flex h-full w-full flex-col gap-1 rounded-panel border border-line px-4 py-3.5 text-start transition-colors hover:bg-hover"
              >
                <span className="font-medium">{title}</span>
                <span className="text-muted text-sm">{text}</span>
              </button>
            </li>
          ))}
        </ul>
        {model?.built_in && (
          <p className="mt-8 text-center text-muted text-sm">
            You are talking to the tiny built-in model. It needs no key, and it is often wrong.{" "}
            <button
              type="button"
              onClick={onExplainModel}
              className="text-accent underline underline-offset-3 hover:text-accent-strong"
            >
              Connect a better one
            </button>
          </p>
        )}
      </div>
    </div>
  );
}
