import { expect, type Page } from "@playwright/test";

/** Rounding of fractional pixels. */
const ROUNDING = 1.5;

export const conversation = (page: Page) =>
  page.getByRole("region", { name: "Messages", exact: true });

/** Pixels between what is shown and the end of the conversation. */
const fromEnd = (page: Page) =>
  conversation(page).evaluate((list) => list.scrollHeight - list.clientHeight - list.scrollTop);

export async function expectAtEnd(page: Page): Promise<void> {
  await expect.poll(() => fromEnd(page)).toBeLessThanOrEqual(ROUNDING);
}

/** What is on the screen, by its first words, with the place of its upper edge. */
export type View = [words: string, top: number][];

export function view(page: Page): Promise<View> {
  return conversation(page).evaluate((list) => {
    const { top, bottom } = list.getBoundingClientRect();
    return Array.from(list.querySelectorAll("article"))
      .map((article) => ({ article, box: article.getBoundingClientRect() }))
      .filter(({ box }) => box.bottom > top && box.top < bottom)
      .map(({ article, box }): [string, number] => [article.innerText.slice(0, 30), box.top]);
  });
}

/** The view once it has come to rest: a wheel's scrolling goes on for some frames. */
export async function restingView(page: Page): Promise<View> {
  let last = await view(page);
  await expect
    .poll(async () => {
      await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
      const before = JSON.stringify(last);
      last = await view(page);
      return JSON.stringify(last) === before;
    })
    .toBe(true);
  return last;
}

/** What was on the screen is still there, in its place. More may have come in at the edges. */
export async function expectSameView(page: Page, before: View): Promise<void> {
  expect(before).not.toEqual([]);
  const now = new Map(await restingView(page));
  const moved = before
    .map(([words, top]) => ({ words, by: (now.get(words) ?? Number.NaN) - top }))
    .filter(({ by }) => !(Math.abs(by) <= ROUNDING));
  expect(moved).toEqual([]);
}
