import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it } from "vitest";
import { OlderFailed } from "./OlderFailed";

it("messages that could not be had are asked for again by keyboard, and the list keeps the focus", async () => {
  let asked = 0;
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const list = (failed: boolean) => (
    <section aria-label="Messages" tabIndex={-1}>
      {failed && (
        <OlderFailed
          onRetry={() => {
            asked += 1;
            return held;
          }}
        />
      )}
    </section>
  );
  const { rerender } = render(list(true));
  expect(screen.getByRole("alert").textContent).toBe("Older messages could not be loaded.");
  await userEvent.tab();
  const button = screen.getByRole("button", { name: "Try again" });
  expect(document.activeElement).toBe(button);
  await userEvent.keyboard("{enter}");
  expect(asked).toBe(1);
  expect([button.textContent, document.activeElement]).toEqual(["Loading…", button]);
  await act(async () => answer());
  expect(button.textContent).toBe("Try again");
  rerender(list(false));
  expect(document.activeElement).toBe(screen.getByRole("region", { name: "Messages" }));
});
