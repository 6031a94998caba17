import { expect, it } from "vitest";
import { flatten, type Pages, placeInList } from "./conversationList";
import { conversation } from "./testData";

const time = (minute: number) => `2026-01-01T00:${String(minute).padStart(2, "0")}:00.000Z`;
const at = (minute: number, fields = {}) =>
  conversation({ conversation_id: `c${minute}`, title: `at ${minute}`, updated_at: time(minute), ...fields });

/** Pages of conversations, named by the minute of their last activity; `more` follow the last one. */
function pages(minutes: number[][], more: boolean): Pages {
  return {
    pages: minutes.map((page, index) => ({
      conversations: page.map((minute) => at(minute)),
      total: 99,
      page: index + 1,
      per_page: 2,
      next_cursor: more || index < minutes.length - 1 ? `after ${page.at(-1)}` : null,
    })),
    pageParams: minutes.map((_, index) => (index ? `after ${minutes[index - 1]?.at(-1)}` : null)),
  };
}
const ids = (data: Pages) =>
  data.pages.map((page) => page.conversations.map(({ conversation_id }) => conversation_id));

it("a conversation that isn't loaded is not put where its page will bring it again", () => {
  const loaded = pages(
    [
      [50, 40],
      [30, 20],
    ],
    true,
  );
  const renamed = placeInList(loaded, at(10, { title: "renamed elsewhere" }));
  expect(renamed).toEqual(loaded);
  const next = pages([[10, 5]], false).pages;
  expect(
    flatten({ ...renamed, pages: [...renamed.pages, ...next] }).map((each) => each.conversation_id),
  ).toEqual(["c50", "c40", "c30", "c20", "c10", "c5"]);
});

it("at the end of a list that is all here it is put there", () => {
  expect(
    ids(
      placeInList(
        pages(
          [
            [50, 40],
            [30, 20],
          ],
          false,
        ),
        at(10),
      ),
    ),
  ).toEqual([
    ["c50", "c40"],
    ["c30", "c20", "c10"],
  ]);
  expect(ids(placeInList(pages([[]], false), at(10)))).toEqual([["c10"]]);
});

it("the last one that is loaded stays where it is when it changes", () => {
  const changed = placeInList(
    pages(
      [
        [50, 40],
        [30, 20],
      ],
      true,
    ),
    at(20, { title: "renamed" }),
  );
  expect(ids(changed)).toEqual([
    ["c50", "c40"],
    ["c30", "c20"],
  ]);
  expect(changed.pages[1]?.conversations[1]?.title).toBe("renamed");
});

it("what becomes active moves up, from wherever it was", () => {
  const loaded = pages(
    [
      [50, 40],
      [30, 20],
    ],
    true,
  );
  const active = { updated_at: time(55) };
  expect(ids(placeInList(loaded, at(20, active)))).toEqual([["c20", "c50", "c40"], ["c30"]]);
  expect(ids(placeInList(loaded, at(7, active)))).toEqual([
    ["c7", "c50", "c40"],
    ["c30", "c20"],
  ]);
  expect(ids(placeInList(loaded, at(35)))).toEqual([
    ["c50", "c40"],
    ["c35", "c30", "c20"],
  ]);
});

it("an archived one is not listed", () => {
  expect(ids(placeInList(pages([[50, 40]], false), at(40, { archived: true })))).toEqual([["c50"]]);
});

it("one that moved up while a page was fetched is shown once", () => {
  const moved = placeInList(pages([[50, 40]], true), at(30, { updated_at: time(55) }));
  const late = pages([[30, 20]], false).pages;
  expect(flatten({ ...moved, pages: [...moved.pages, ...late] }).map((each) => each.conversation_id)).toEqual(
    ["c30", "c50", "c40", "c20"],
  );
});
