import { act, renderHook, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { activity } from "@/api/activityStore";
import { keys, queryClient } from "@/api/queryClient";
import { message } from "@/api/testData";
import { useOlder } from "./useOlder";

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
  renderHook(({ first, near }) => useOlder("c1", branch(first), near), { initialProps: { first, near } });

it("older messages are fetched when their place is near, and no sooner", async () => {
  const { rerender } = look(9, false);
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

it("what could not be had is asked for again when the server is back", async () => {
  fails = true;
  look(9, true);
  await waitFor(() => expect(asked).toEqual(["9"]));
  act(() => activity.setConnection("reconnecting"));
  fails = false;
  act(() => activity.setConnection("open"));
  await waitFor(() => expect(asked).toEqual(["9", "9"]));
});
