import { expect, it } from "vitest";
import { intended } from "./intentions";
import { ApiError, unreachable } from "./problem";

const refusal = (status: number) => new ApiError({ status, code: "x", detail: "No." });

/** The key of a request that is answered, or fails like this. */
async function keyOf(what: string, failure?: Error): Promise<string> {
  let seen = "";
  await intended(what, async (key) => {
    seen = key;
    if (failure) throw failure;
  }).catch((error: unknown) => expect(error).toBe(failure));
  return seen;
}

it("keeps its key until an answer has come", async () => {
  const first = await keyOf("a", unreachable());
  expect(first).toMatch(/^[0-9a-f-]{36}$/);
  expect(await keyOf("a", refusal(503))).toBe(first);
  expect(await keyOf("a")).toBe(first);
  expect(await keyOf("a")).not.toBe(first);
});

it("a refusal is an answer", async () => {
  const first = await keyOf("a", refusal(409));
  expect(await keyOf("a")).not.toBe(first);
});

it("what is wanted of something else has a key of its own", async () => {
  const first = await keyOf("a", unreachable());
  expect(await keyOf("b")).not.toBe(first);
  expect(await keyOf("a")).toBe(first);
});

it("two clicks before an answer are one", async () => {
  const keys: string[] = [];
  const ask = async (key: string) => void keys.push(key);
  await Promise.all([intended("a", ask), intended("a", ask)]);
  expect(keys[0]).toBe(keys[1]);
});
