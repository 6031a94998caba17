import { act, renderHook } from "@testing-library/react";
import { expect, it } from "vitest";
import { useNotices } from "./useNotices";

function opened(initialProps: string | null) {
  return renderHook((conversationId: string | null) => useNotices(conversationId), { initialProps });
}

it("what was said in a conversation is not said in another, nor again", () => {
  const { result, rerender } = opened("c1");
  act(() => {
    result.current.setProblem("Too long.");
    result.current.setNote("Too late.");
    result.current.setSaid("Noted");
  });
  expect(result.current).toMatchObject({ problem: "Too long.", note: "Too late.", said: "Noted" });
  rerender("c2");
  expect(result.current).toMatchObject({ problem: null, note: null, said: "" });
  rerender("c1");
  expect(result.current).toMatchObject({ problem: null, note: null, said: "" });
});

it("what fails after its conversation was left is said there", async () => {
  const { result, rerender } = opened("c1");
  let fail = (_: Error) => {};
  const tried = result.current.attempt(
    () =>
      new Promise<void>((_, reject) => {
        fail = reject;
      }),
  );
  const { setNote } = result.current;
  rerender("c2");
  act(() => result.current.setProblem("Of the second."));
  await act(async () => {
    fail(new Error("It did not work."));
    setNote("Too late.");
    await tried;
  });
  expect(result.current).toMatchObject({ problem: "Of the second.", note: null });
  rerender("c1");
  expect(result.current).toMatchObject({ problem: "It did not work.", note: "Too late." });
});
