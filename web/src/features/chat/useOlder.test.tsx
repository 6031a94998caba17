import { act, renderHook, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { activity } from "@/api/activityStore";
import { chatApi } from "@/api/chatApi";
import { keys, queryClient } from "@/api/queryClient";
import { message } from "@/api/testData";
import { useOlder, useOlderWhenNear } from "./useOlder";

const asked: (string | null)[] = [];
let fails: boolean;
const server = setupServer(
  http.get("http://localhost:3000/api/v1/chat/conversations/c1/messages", ({ request }) => {
    const before = new URL(request.url).searchParams.get("before");
    asked.push(before);
    if (fails) return HttpResponse.error();
    const page = [message({ id: Number(before) - 1 })];
    return HttpResponse.json(page, { headers: { link: '</>; rel="prev"' } });
  }),
);
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(() => {
  asked.length = 0;
  fails = false;
  activity.setConnection("open");
  queryClient.setQueryData(keys.messages("c1"), branch(9));
});
afterEach(() => {
  queryClient.clear();
  activity.setConnection("connecting");
});

const branch = (first: number) => ({ messages: [message({ id: first })], hasOlder: true, queued: [] });
const look = (first: number, near: boolean) =>
  renderHook(
    ({ first, near }) => {
      const older = useOlder("c1");
      useOlderWhenNear(older.ask, branch(first), near);
      return older;
    },
    { initialProps: { first, near } },
  );

it("older messages are fetched when their place is near, and no sooner", async () => {
  const asks = vi.spyOn(chatApi, "getConversationMessages");
  const { rerender } = look(9, false);
  await act(async () => undefined);
  expect(asks).not.toHaveBeenCalled();
  rerender({ first: 9, near: true });
  rerender({ first: 9, near: true });
  await waitFor(() => expect(asked).toEqual(["9"]));
});

it("a page that does not fill the view is followed by the next", async () => {
  const { rerender } = look(9, true);
  await waitFor(() =>
    expect(queryClient.getQueryData<ReturnType<typeof branch>>(keys.messages("c1"))?.messages).toHaveLength(
      2,
    ),
  );
  rerender({ first: 8, near: true });
  await waitFor(() => expect(asked).toEqual(["9", "8"]));
});

const loaded = () =>
  queryClient.getQueryData<ReturnType<typeof branch>>(keys.messages("c1"))?.messages.map(({ id }) => id);

it("what could not be had is asked for again when the server is back, and not when it goes", async () => {
  fails = true;
  const asks = vi.spyOn(chatApi, "getConversationMessages");
  look(9, true);
  await expect(asks.mock.results[0]?.value).rejects.toThrow();
  act(() => activity.setConnection("reconnecting"));
  expect(asks).toHaveBeenCalledTimes(1);
  fails = false;
  act(() => activity.setConnection("open"));
  expect(asks).toHaveBeenCalledTimes(2);
  await waitFor(() => expect(loaded()).toEqual([8, 9]));
  expect(asked).toEqual(["9", "9"]);
});

it("what could not be had is said, until it is here", async () => {
  fails = true;
  const { result } = look(9, true);
  expect(result.current.failed).toBe(false);
  await waitFor(() => expect(result.current.failed).toBe(true));
  await act(() => result.current.ask());
  expect(result.current.failed).toBe(true);
  fails = false;
  await act(() => result.current.ask());
  expect(result.current.failed).toBe(false);
  expect(loaded()).toEqual([8, 9]);
});

it("what hangs until the server is back, and then fails, is asked for again", async () => {
  let fail = () => {};
  const asks = vi.spyOn(chatApi, "getConversationMessages").mockImplementationOnce(
    () =>
      new Promise((_, reject) => {
        fail = () => reject(new Error("gone"));
      }),
  );
  look(9, true);
  act(() => activity.setConnection("reconnecting"));
  act(() => activity.setConnection("open"));
  expect(asks).toHaveBeenCalledTimes(1);
  fail();
  await waitFor(() => expect(loaded()).toEqual([8, 9]));
  expect(asked).toEqual(["9"]);
});
