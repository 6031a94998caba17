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

function utf8Width(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
