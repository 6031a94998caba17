import { render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import type { Model } from "@/api/types";
import { EmptyState } from "./EmptyState";

const remote: Model = {
  id: "lab/large",
  label: "large",
  provider: "lab",
  built_in: false,
  context_window: 32_768,
};

function show(model: Model) {
  const onPick = vi.fn();
  render(<EmptyState name="Ann" model={model} onPick={onPick} onExplainModel={() => {}} />);
  return onPick;
}

test("a model with tools is offered things that need them", () => {
  const onPick = show(remote);
  screen.getByRole("button", { name: /todos/ }).click();
  expect(onPick).toHaveBeenCalledWith("Add “water the plants” to my todos");
});

test("the tiny built-in model is offered only what it can do, and says what it is", () => {
  show({ ...remote, built_in: true });
  expect(screen.queryByRole("button", { name: /todos|2,340/ })).toBeNull();
  expect(screen.getByRole("button", { name: /capital of France/ })).toBeTruthy();
  expect(screen.getByText(/tiny built-in model/)).toBeTruthy();
});
