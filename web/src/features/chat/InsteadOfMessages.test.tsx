import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, expect, it } from "vitest";
import { activity } from "@/api/activityStore";
import { LoadFailed } from "./InsteadOfMessages";

afterEach(() => activity.setConnection("connecting"));

it("messages that a server which is there refuses are asked for again by the user alone", async () => {
  activity.setConnection("open");
  let asked = 0;
  const failed = () => <LoadFailed reason="Too often." onRetry={() => (asked += 1)} />;
  const { rerender } = render(failed());
  rerender(failed());
  expect(asked).toBe(0);
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(asked).toBe(1);
});

it("messages that could not be loaded come as soon as the server is back, and are asked for once", () => {
  activity.setConnection("reconnecting");
  let asked = 0;
  const failed = () => <LoadFailed reason="Away." onRetry={() => (asked += 1)} />;
  const { rerender } = render(failed());
  expect(asked).toBe(0);
  act(() => activity.setConnection("open"));
  rerender(failed());
  expect(asked).toBe(1);
});
