import { CopyButton } from "@/ui/CopyButton";
import { Dialog } from "@/ui/Dialog";

const WAYS = [
  {
    name: "Ollama on this machine",
    lines: "OLLAMA_HOST=http://127.0.0.1:11434 rejoinder serve --model ollama/MODEL",
  },
  {
    name: "OpenAI, or anything that speaks its API (llama.cpp, vLLM, OpenRouter)",
    lines: "OPENAI_API_KEY=KEY OPENAI_BASE_URL=https://HOST/v1 rejoinder serve --model openai/MODEL",
  },
  { name: "Anthropic", lines: "ANTHROPIC_API_KEY=KEY rejoinder serve --model anthropic/MODEL" },
  { name: "Gemini", lines: "GEMINI_API_KEY=KEY rejoinder serve --model gemini/MODEL" },
];

/** What the built-in model is, and how the operator connects another. */
export default function ConnectModelDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog onClose={onClose} title="Connect a better model" wide>
      <p>
        The built-in model runs inside the server, so that the first question gets an answer without a key. It
        is tiny: expect it to be wrong, to repeat itself and to miss what you meant.
      </p>
      <p className="mt-3">
        Whoever runs this server starts it with one of these, and the model appears in the picker:
      </p>
      <ul className="mt-4 space-y-4">
        {WAYS.map(({ name, lines }) => (
          <li key={name}>
            <h3 className="font-medium text-sm">{name}</h3>
            <div className="mt-1 flex items-start gap-2 rounded-control bg-code py-1.5 ps-3 pe-1.5">
              <code className="min-w-0 flex-1 py-1 font-mono text-sm [overflow-wrap:anywhere]">{lines}</code>
              <CopyButton label={`Copy the command for ${name}`} text={() => lines} />
            </div>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
