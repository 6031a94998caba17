import { type CSSProperties, useEffect, useState } from "react";
import { CopyButton } from "@/ui/CopyButton";
import { type HighlightedLine, highlight } from "./highlight";

/** Code with its language, a copy button, and colours once it is complete. */
export function CodeBlock({ code, language, growing }: { code: string; language: string; growing: boolean }) {
  const [coloured, setColoured] = useState<{ code: string; lines: HighlightedLine[] } | null>(null);

  useEffect(() => {
    if (growing) return;
    let current = true;
    void highlight(code, language).then((lines) => {
      if (current && lines) setColoured({ code, lines });
    });
    return () => {
      current = false;
    };
  }, [code, language, growing]);

  return (
    <figure className="wide-block code-block" dir="ltr">
      <figcaption className="flex h-10 items-center justify-between gap-2 ps-4 pe-1.5 text-muted text-sm">
        <span>{language || "text"}</span>
        <CopyButton label="Copy code" text={() => code} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
      <pre tabIndex={0} className="overflow-x-auto px-4 pb-4 font-mono text-sm">
        <code>{coloured?.code === code ? <Lines lines={coloured.lines} /> : <Plain code={code} />}</code>
      </pre>
    </figure>
  );
}

/** Lines of uncoloured code that are laid out together. */
const CHUNK = 40;

/** In chunks, so that only the last is laid out again while more is written. */
function Plain({ code }: { code: string }) {
  const lines = code.split("\n");
  const chunks: string[] = [];
  for (let at = 0; at < lines.length; at += CHUNK) chunks.push(lines.slice(at, at + CHUNK).join("\n"));
  return chunks.map((chunk, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: chunks are only ever added at the end
    <span key={index} className="block">
      {/* A line end at the very end of a block would not be shown. */}
      {chunk.endsWith("\n") || chunk === "" ? `${chunk}\n` : chunk}
    </span>
  ));
}

function Lines({ lines }: { lines: HighlightedLine[] }) {
  return lines.map((line, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: finished code never changes
    <span key={index}>
      {line.map(([text, light, dark], position) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: finished code never changes
          key={position}
          className="token"
          style={{ "--light": light, "--dark": dark } as CSSProperties}
        >
          {text}
        </span>
      ))}
      {index < lines.length - 1 && "\n"}
    </span>
  ));
}
