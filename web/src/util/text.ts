/** Number of Unicode code points: the unit in which the server counts lengths. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** Number of bytes of `text` in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (const char of text) bytes += utf8Width(char);
  return bytes;
}

/** `text` without its first `bytes` UTF-8 bytes; undefined when that would cut a character in two. */
export function dropUtf8(text: string, bytes: number): string | undefined {
  let dropped = 0;
  let index = 0;
  for (const char of text) {
    if (dropped >= bytes) break;
    dropped += utf8Width(char);
    index += char.length;
  }
  return dropped === bytes ? text.slice(index) : undefined;
}

/** Characters that change or hide what stands around them. Joiners stay: scripts and emoji need them. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** `text` with characters that cannot be seen spelled out: what is approved must be what is read. */
export function visible(text: string): string {
  return text.replace(
    UNSEEN,
    (char) => `⟨U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`,
  );
}

function utf8Width(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
