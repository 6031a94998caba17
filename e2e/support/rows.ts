import { expect, type Page } from "@playwright/test";

/** Between two rows of the list, and above and below all of them. */
const GAP = 16;
const PADDING = 24;
/** Rounding of fractional pixels. */
const ROUNDING = 1.5;

/** What stands farther from the row above it than it should, or nearer. */
function faults(page: Page): Promise<string[]> {
  return page
    .getByRole("region", { name: "Messages", exact: true })
    .evaluate(
      (region, { gap, padding, rounding }) => {
        const list = region.firstElementChild as HTMLElement;
        const { top, height } = list.getBoundingClientRect();
        const rows = (Array.from(list.children) as HTMLElement[])
          .map((row) => ({ row, box: row.getBoundingClientRect() }))
          .sort((a, b) => a.box.top - b.box.top);
        if (rows.length === 0) return ["no rows"];
        const ends = [...rows.slice(1).map(({ box }) => box.top - gap), top + height - padding];
        return rows.flatMap(({ row, box }, index) => {
          const off = (ends[index] ?? 0) - box.bottom;
          return Math.abs(off) > rounding ? [`${off} px too much below “${row.innerText}”`] : [];
        });
      },
      { gap: GAP, padding: PADDING, rounding: ROUNDING },
    );
}

/** The list reckons with the heights that the rows have on screen: nothing gapes or overlaps. */
export async function expectRowsTight(page: Page): Promise<void> {
  // A new height is reckoned with from the next frame on.
  await expect.poll(() => faults(page)).toEqual([]);
}
