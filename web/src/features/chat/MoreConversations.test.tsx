import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { MoreConversations } from "./MoreConversations";

/** Everything is in view at once. */
class Seen {
  constructor(private readonly tell: (entries: { isIntersecting: boolean }[]) => void) {}
  observe() {
    this.tell([{ isIntersecting: true }]);
  }
  disconnect() {}
}

let asked = 0;
const more = (state: { busy?: boolean; failed?: boolean }) => (
  <MoreConversations busy={false} failed={false} {...state} onMore={() => (asked += 1)} />
);

beforeEach(() => {
  asked = 0;
  vi.stubGlobal("IntersectionObserver", Seen);
});
afterEach(() => vi.unstubAllGlobals());

it("the next page is fetched when its place comes into view, and the one after it in turn", () => {
  const { rerender } = render(more({}));
  expect(asked).toBe(1);
  rerender(more({ busy: true }));
  expect(asked).toBe(1);
  rerender(more({}));
  expect(asked).toBe(2);
});

it("a page that could not be had is asked for again by the user alone", async () => {
  const { rerender } = render(more({}));
  rerender(more({ busy: true }));
  rerender(more({ failed: true }));
  expect(asked).toBe(1);
  expect(screen.getByRole("alert").textContent).toContain("could not be loaded");
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(asked).toBe(2);
});
