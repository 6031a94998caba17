/** From this length on a list may be cut between its items, so that a long answer stays cheap to extend. */
const LONG_BLOCK = 3_000;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const DEFINITION = /^ {0,3}\[[^\]^][^\]]*\]:\s*\S/;
const FOOTNOTE = /^ {0,3}\[\^[^\]]+\]:/m;

/**
 * Cuts Markdown at blank lines where both sides mean the same alone as together. Only the last
 * piece changes while text is being added, so the others are rendered once.
 */
export function splitBlocks(text: string): string[] {
  // Footnotes refer to each other across the whole text.
  if (FOOTNOTE.test(text)) return [text];
  const blocks: string[] = [];
  const definitions: string[] = [];
  let current: string[] = [];
  let size = 0;
  let fence: string | null = null;
  let blank = false;
  let list = false;

  const close = () => {
    if (current.length) blocks.push(current.join("\n").replace(/\n+$/, ""));
    current = [];
    size = 0;
    list = false;
  };

  for (const line of text.split("\n")) {
    if (fence) {
      const end = FENCE.exec(line)?.[1];
      if (end?.startsWith(fence) && line.trim() === end) fence = null;
    } else {
      const empty = line.trim() === "";
      const item = LIST_ITEM.test(line);
      if (!empty) {
        const splitsList = item && size > LONG_BLOCK;
        const continues = /^\s/.test(line) || (list && item && !splitsList);
        if ((blank && !continues) || (splitsList && list)) close();
        fence = FENCE.exec(line)?.[1] ?? null;
        if (item) list = true;
        if (DEFINITION.test(line)) definitions.push(line);
      }
      blank = empty;
      if (empty && current.length === 0) continue;
    }
    current.push(line);
    size += line.length + 1;
  }
  close();
  if (definitions.length === 0) return blocks;
  const suffix = `\n\n${definitions.join("\n")}`;
  return blocks.map((block) => (block.includes("[") ? block + suffix : block));
}
