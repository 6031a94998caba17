/** From this length on a list may be cut between its items, so that a long answer stays cheap to extend. */
const LONG_BLOCK = 3_000;
/** A paragraph this long goes on in another piece from the next word at which no emphasis is open. */
const LONG_RUN = 1_500;
/** Here it does so whatever is open: no emphasis is meant to be that long. */
const MAX_RUN = 2 * LONG_RUN;
/** How far apart the places are at which that is tried. */
const RUN_STEP = 100;
/** A block this short may turn out to belong to the one before: `2` can become `2. item`. */
const UNDECIDED = 12;

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const LIST_ITEM = /^ {0,3}(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;
const DEFINITION = /^ {0,3}\[[^\]^][^\]]*\]:\s*\S/;
const FOOTNOTE = /^ {0,3}\[\^[^\]]+\]:/m;
/** Makes a heading or a table's header of the line above. */
const UNDERLINE = /^[ \t]*[-=:|][-=:| \t]*$/;
/** How a line begins that can be nothing but text. */
const PLAIN = /^[\p{L}\p{N}*_"'“„«(]/u;
/** A place in running text after which a new line would mean the same. */
const GAP = /(?<! {2}|\\)[ \n](?=\p{L})|(?<=[。！？])(?=\p{L})/gu;

export interface Block {
  source: string;
  /** The next block goes on in the same paragraph, after this. */
  glue?: string;
}

interface Piece extends Block {
  /** Where it begins in the text. */
  start: number;
}

/**
 * Cuts Markdown at blank lines where both sides mean the same alone as together, and very long
 * paragraphs between two words. Only the last piece changes while text is being added, so the
 * others are rendered once, and only the last is looked at again.
 */
export class BlockSplitter {
  private text = "";
  private pieces: Piece[] = [];
  private readonly definitions = new Map<number, string>();
  /** Footnotes refer to each other across the whole text. */
  private whole = false;

  split(text: string): Block[] {
    if (!text.startsWith(this.text)) this.forget();
    const last = this.pieces.pop();
    const before = last && last.source.length <= UNDECIDED ? this.pieces.pop() : undefined;
    const from = (before ?? last)?.start ?? 0;
    this.text = text;
    this.whole ||= FOOTNOTE.test(text.slice(from));
    if (this.whole) return [{ source: text }];
    for (const position of this.definitions.keys()) if (position >= from) this.definitions.delete(position);
    for (const piece of cutBlocks(text, from, this.definitions)) this.pieces.push(...cutRun(piece));
    if (this.definitions.size === 0) return this.pieces.slice();
    const suffix = `\n\n${[...this.definitions.values()].join("\n")}`;
    return this.pieces.map(({ source, glue }) => ({
      source: source.includes("[") ? source + suffix : source,
      glue,
    }));
  }

  private forget(): void {
    this.pieces = [];
    this.definitions.clear();
    this.whole = false;
  }
}

/** Cuts `text` from a block's beginning on; notes the link definitions by where they stand. */
function cutBlocks(text: string, from: number, definitions: Map<number, string>): Piece[] {
  const blocks: Piece[] = [];
  let current: string[] = [];
  let start = from;
  let position = from;
  let fence: string | null = null;
  let blank = false;
  let list = false;

  const close = () => {
    if (current.length) blocks.push({ source: current.join("\n").replace(/\n+$/, ""), start });
    current = [];
    list = false;
  };

  for (const line of text.slice(from).split("\n")) {
    if (fence) {
      const end = FENCE.exec(line)?.[1];
      if (end?.startsWith(fence) && line.trim() === end) fence = null;
    } else {
      const empty = line.trim() === "";
      const item = LIST_ITEM.test(line);
      if (!empty) {
        const splitsList = item && position - start > LONG_BLOCK;
        const continues = /^\s/.test(line) || (list && item && !splitsList);
        if ((blank && !continues) || (splitsList && list)) close();
        fence = FENCE.exec(line)?.[1] ?? null;
        if (item) list = true;
        if (DEFINITION.test(line)) definitions.set(position, line);
      }
      blank = empty;
    }
    if (current.length || line.trim() !== "") {
      if (current.length === 0) start = position;
      current.push(line);
    }
    position += line.length + 1;
  }
  close();
  return blocks;
}

/** A block that begins with a very long stretch of text, as several that flow into each other. */
function cutRun(block: Piece): Piece[] {
  const pieces: Piece[] = [];
  let { source, start } = block;
  while (source.length > LONG_RUN) {
    const gap = findGap(source);
    if (!gap) break;
    pieces.push({ source: source.slice(0, gap.index), start, glue: gap[0] });
    const next = gap.index + gap[0].length;
    source = source.slice(next);
    start += next;
  }
  pieces.push({ source, start });
  return pieces;
}

function findGap(source: string): RegExpExecArray | null {
  const length = plainLength(source);
  for (let at = LONG_RUN; at < length; at += RUN_STEP) {
    GAP.lastIndex = at;
    const gap = GAP.exec(source);
    if (!gap || gap.index >= length) return null;
    if (gap.index >= MAX_RUN || isClosed(source.slice(0, gap.index))) return gap;
    at = Math.max(at, gap.index);
  }
  return null;
}

/** How much of the beginning is lines of text and nothing else. */
function plainLength(source: string): number {
  let before = 0;
  let length = 0;
  for (const line of source.split("\n")) {
    if (UNDERLINE.test(line)) return before;
    if (!PLAIN.test(line) || LIST_ITEM.test(line)) break;
    before = length;
    length += line.length + 1;
  }
  return Math.min(length, source.length);
}

/** Whether no code, link or emphasis seems to be open at the end. */
function isClosed(text: string): boolean {
  const bare = text.replace(/\\./g, "").replace(/(?<!`)(`+)(?!`)[\s\S]*?(?<!`)\1(?!`)/g, "");
  if (bare.includes("`") || count(bare, /\[/g) !== count(bare, /\]/g)) return false;
  const marks = /(?<=\S)[*~]+|[*~]+(?=\S)|(?<!\w)_+(?=\S)|(?<=\S)_+(?!\w)/g;
  return count(bare, marks) % 2 === 0;
}

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;
