import { act, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { RunData, TypingData } from "@/api/frames";
import { StatusRow } from "./StatusRow";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const row = (state: RunData["state"], phase?: TypingData) => (
  <StatusRow run={{ run_id: "r", state }} phase={phase} asks={false} writing={false} subject="Tiny" />
);
const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms));
const words = () => document.body.textContent;

it("a run that waits for its turn says so, and never that the assistant is thinking", () => {
  const { rerender } = render(row("queued"));
  // One that begins at once leaves no time to read it.
  expect(words()).toBe("");
  pass(400);
  expect(words()).toBe("Waiting for its turn…");
  pass(3_000);
  expect(words()).toBe("Waiting for its turn… Other answers are being written");
  rerender(row("running"));
  expect(words()).toContain("AI is thinking…");
});

it("a run that goes on says at once that the assistant is thinking, and later what about", () => {
  render(row("running"));
  expect(words()).toBe("AI is thinking…");
  pass(3_000);
  expect(words()).toBe("AI is thinking… Reading the conversation with Tiny");
});

it("a call that waits for the user's word is what matters", () => {
  render(row("awaiting_approval", { role: "assistant", state: "tool", detail: "order" }));
  expect(screen.getByText("Waiting for your approval")).toBeDefined();
});
