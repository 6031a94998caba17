import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { receiveFrame } from "./live";
import { unwrap } from "./problem";
import { refreshSession } from "./session";
import { sawRefusal, useWritable } from "./writable";

const writable = () => useWritable.getState().writable;
const refusal = (code: string, status = 503) =>
  new Response(JSON.stringify({ type: "", title: "", status, code, detail: "Not now." }), { status });
const answers = vi.fn<(url: string) => Promise<Response>>();

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  answers.mockReset().mockImplementation(async () => refusal("not_writable"));
  vi.stubGlobal("fetch", answers);
});
afterEach(async () => {
  // The asking ends.
  answers.mockResolvedValue(new Response("{}"));
  await vi.advanceTimersByTimeAsync(60_000);
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("is doubted after a request, a frame or a renewal was refused for it, and for nothing else", async () => {
  const request = (code: string) => {
    const response = refusal(code);
    const error = { type: "", title: "", status: 503, code, detail: "Not now." };
    return unwrap(Promise.resolve({ error, response })).catch(() => undefined);
  };
  const frame = (code: string) =>
    receiveFrame({ type: "error", data: { status: 503, code, detail: "Not now." } } as never);
  const renewal = (code: string) => {
    answers.mockResolvedValueOnce(refusal(code));
    return refreshSession().catch(() => undefined);
  };
  for (const refuse of [request, frame, renewal]) {
    useWritable.setState({ writable: true });
    await refuse("draining");
    expect(writable()).toBe(true);
    await refuse("not_writable");
    expect(writable()).toBe(false);
  }
});

it("comes back by itself, once the server has been able to store for a while", async () => {
  sawRefusal("not_writable");
  await vi.advanceTimersByTimeAsync(9_000);
  expect(answers.mock.calls.map(([url]) => url)).toEqual(["/ready", "/ready"]);
  expect(writable()).toBe(false);

  // A probe may fit where a message does not.
  answers.mockResolvedValue(new Response("{}"));
  await vi.advanceTimersByTimeAsync(12_000);
  sawRefusal("not_writable");
  await vi.advanceTimersByTimeAsync(3_000);
  answers.mockResolvedValueOnce(refusal("not_writable"));
  await vi.advanceTimersByTimeAsync(9_000);
  expect(writable()).toBe(false);

  await vi.advanceTimersByTimeAsync(3_000);
  expect(writable()).toBe(true);
  const asked = answers.mock.calls.length;
  await vi.advanceTimersByTimeAsync(90_000);
  expect(answers).toHaveBeenCalledTimes(asked);
});

it("is asked for ever more rarely, by each tab at times of its own", async () => {
  const times = async (chance: number) => {
    useWritable.setState({ writable: true });
    vi.mocked(Math.random).mockReturnValue(chance);
    const begun = Date.now();
    const asked: number[] = [];
    answers.mockImplementation(async () => {
      asked.push(Date.now() - begun);
      return refusal("not_writable");
    });
    sawRefusal("not_writable");
    await vi.advanceTimersByTimeAsync(45_000);
    return asked;
  };
  expect(await times(0.5)).toEqual([3_000, 9_000, 19_000, 29_000, 39_000]);
  expect((await times(0)).slice(0, 3)).toEqual([2_250, 6_750, 14_250]);
});

it("is not asked for again before the answer is there, nor told by one from before", async () => {
  let answer = (_: Response) => {};
  answers.mockImplementationOnce(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  sawRefusal("not_writable");
  await vi.advanceTimersByTimeAsync(9_000);
  expect(answers).toHaveBeenCalledTimes(1);
  sawRefusal("not_writable");
  answer(new Response("{}"));
  await vi.advanceTimersByTimeAsync(0);
  expect(writable()).toBe(false);
  answers.mockResolvedValue(new Response("{}"));
  await vi.advanceTimersByTimeAsync(6_000);
  expect(writable()).toBe(false);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(writable()).toBe(true);
});

it.each([
  ["is away", () => Promise.reject(new TypeError("away"))],
  ["leaves", () => Promise.resolve(refusal("draining"))],
  ["stands behind a proxy that keeps the address", () => Promise.resolve(new Response("", { status: 404 }))],
])("is not doubted of a server that %s", async (_, answer) => {
  sawRefusal("not_writable");
  answers.mockImplementation(answer);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(writable()).toBe(true);
});
