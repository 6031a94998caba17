import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { message } from "@/api/testData";
import type { Message } from "@/api/types";
import { MessageItem } from "./MessageItem";

const onRetry = vi.fn();
const onGoOn = vi.fn();

function show(fields: Partial<Message>, latest = true): void {
  render(
    <MessageItem
      message={message({ id: 2, content: "So far.", ...fields })}
      endsTurn
      onRetry={latest ? onRetry : null}
      onGoOn={latest ? onGoOn : null}
      onExplainModel={() => {}}
    />,
  );
}

it.each([
  ["steps", /so many steps/],
  ["tokens", /so many tokens/],
  ["answer_bytes", /as long as this server lets it/],
  ["time", /longer than this server allows/],
] as const)("says that an answer met the limit of its %s, and goes on by a click", async (limit, words) => {
  onGoOn.mockClear();
  show({ additional_data: { limit } });
  screen.getByText(words);
  await userEvent.click(screen.getByRole("button", { name: "Go on" }));
  expect(onGoOn).toHaveBeenCalledTimes(1);
});

it("says so of a limit that is new, and of the model's own", () => {
  show({ additional_data: { limit: "patience" as "time" } });
  screen.getByText(/met a limit of this server/);
  show({ additional_data: { finish: "length" } });
  screen.getByText(/its own limit/);
});

it("of an earlier answer there is nothing to go on with", () => {
  show({ additional_data: { limit: "steps" } }, false);
  screen.getByText(/so many steps/);
  expect(screen.queryByRole("button", { name: "Go on" })).toBeNull();
  expect(screen.queryByText(/go on from here/)).toBeNull();
});

it("one that failed at its limit says which, what was kept, and offers Retry", async () => {
  const detail = "The model reached a limit of this server before it said anything.";
  const error = { code: "limit_reached", detail, retryable: true };
  show({ status: "failed", additional_data: { limit: "steps", error } });
  screen.getByText(/so many steps/);
  screen.getByText("What was written stays until you retry.");
  await userEvent.click(screen.getByRole("button", { name: "Retry" }));
  expect(onRetry).toHaveBeenCalledTimes(1);
  expect(screen.queryByRole("button", { name: "Go on" })).toBeNull();
});

it("an answer that ended well says nothing of limits", () => {
  show({ additional_data: { model: "m" } });
  expect(screen.queryByText(/limit|so many|longer than/)).toBeNull();
});

it("what a provider said of its failure, and what the page says, don't run into each other", () => {
  const error = { code: "model_failed", detail: "It said: no more", retryable: true };
  show({ status: "failed", additional_data: { error } });
  screen.getByText("It said: no more");
  screen.getByText("What was written stays until you retry.");
});

it.each(["failed", "cancelled", "interrupted"] as const)(
  "an earlier answer that was %s is not put out of reach by Retry: what follows it would go with it",
  (status) => {
    show({ status }, false);
    expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
    screen.getByText(/What was written is kept\./);
  },
);

it.each([
  [[2], null],
  [[1, 2], "Retried"],
  [[1, 2, 3], "Retried twice"],
  [[1, 3, 4, 2], "Retried 3 times"],
] as const)(
  "of the answers %j it tells how many, without a count that looks like a control",
  (siblings, words) => {
    show({ siblings: [...siblings] });
    expect(screen.queryByText(/Retried/)?.textContent ?? null).toBe(words);
    expect(screen.queryByText(/\d \/ \d/)).toBeNull();
  },
);
