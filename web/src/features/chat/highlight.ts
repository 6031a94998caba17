/** A line is a list of `[text, colour on light, colour on dark]`. */
export type HighlightedLine = [text: string, light: string, dark: string][];

/** Longer code stays plain: thousands of coloured spans cost more than they help. */
const MAX_LENGTH = 40_000;

let worker: Worker | null = null;
let lastId = 0;
const waiting = new Map<number, (lines: HighlightedLine[] | null) => void>();

function start(): Worker {
  const started = new Worker(new URL("./highlight.worker.ts", import.meta.url), { type: "module" });
  started.addEventListener("message", ({ data }) => {
    waiting.get(data.id)?.(data.lines);
    waiting.delete(data.id);
  });
  return started;
}

/** Colours code in a worker, so that the page never waits; null where the language is unknown. */
export function highlight(code: string, language: string): Promise<HighlightedLine[] | null> {
  if (!language || code.length > MAX_LENGTH || typeof Worker === "undefined") {
    return Promise.resolve(null);
  }
  worker ??= start();
  const id = ++lastId;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker?.postMessage({ id, code, language });
  });
}
