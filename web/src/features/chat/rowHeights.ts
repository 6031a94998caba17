import { measureElement, type VirtualizerOptions } from "@tanstack/react-virtual";
import type { Row } from "./rows";

/**
 * The virtualizer keeps a height only where it differs from the guess, and goes on guessing
 * otherwise. A guess that was right grows with the message's stored text, while the row, which shows
 * the stream, has been that high all along, and nothing would measure it again.
 */
export const measure: NonNullable<VirtualizerOptions<HTMLDivElement, HTMLDivElement>["measureElement"]> = (
  element,
  entry,
  list,
) => {
  const size = measureElement(element, entry, list);
  const row = list.measurementsCache[list.indexFromElement(element)];
  if (row?.size === size) list.itemSizeCache.set(row.key, size);
  return size;
};

/** A first guess of a row's height; the real one is measured when it is shown. */
export function estimate(row: Row | undefined): number {
  switch (row?.kind) {
    case "message":
      return 72 + Math.ceil(row.message.content.length / 80) * 24;
    case "waiting":
    case "queued":
      return 96;
    case "tool":
    case "older":
      return 42;
    case "approval":
      return 250;
    case "unknown":
      return 320;
    default:
      return 32;
  }
}
