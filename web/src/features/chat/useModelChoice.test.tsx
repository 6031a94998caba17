import { QueryClientProvider } from "@tanstack/react-query";
import { act, renderHook, waitFor } from "@testing-library/react";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import type { ReactNode } from "react";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queryClient } from "@/api/queryClient";
import { at, conversation } from "@/api/testData";
import { useModelChoice } from "./useModelChoice";

const model = (id: string) => {
  const [provider = "", label = ""] = id.split("/");
  return { id, label, provider, built_in: provider === "local", context_window: 2048 };
};

let listed: string[];
let asked: number;
const changes: unknown[] = [];

const server = setupServer(
  http.get(at("/models"), () => {
    asked += 1;
    return HttpResponse.json({ models: listed.map(model), default: listed[0] ?? null, unlisted: [] });
  }),
  http.patch(at("/chat/conversations/c1"), async ({ request }) => {
    const change = (await request.json()) as { model: string };
    changes.push(change);
    return HttpResponse.json(conversation({ conversation_id: "c1", ...change }));
  }),
);

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(() => {
  listed = ["local/tiny", "vllm/big"];
  asked = 0;
  changes.length = 0;
});
afterEach(() => queryClient.clear());

interface Props {
  id: string | null;
  own?: string | null;
}

async function choice(initialProps: Props) {
  const wrapper = ({ children }: { children: ReactNode }) => (
    <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>
  );
  const hook = renderHook(
    ({ id, own }: Props) => useModelChoice(id, own === undefined ? undefined : { model: own }),
    { initialProps, wrapper },
  );
  await waitFor(() => expect(hook.result.current.models).toBeDefined());
  return hook;
}

describe("a conversation's model", () => {
  it("stays when the server doesn't list it, and that is told", async () => {
    listed = ["local/tiny"];
    const { result } = await choice({ id: "c1", own: "vllm/big" });
    expect(result.current).toMatchObject({ id: "vllm/big", model: undefined, missing: true });
    expect(changes).toEqual([]);
  });

  it("is there again once the list says so", async () => {
    listed = ["local/tiny"];
    const { result } = await choice({ id: "c1", own: "vllm/big" });
    listed = ["vllm/big", "local/tiny"];
    act(() => result.current.refresh());
    await waitFor(() => expect(result.current).toMatchObject({ id: "vllm/big", missing: false }));
    expect(result.current.model?.label).toBe("big");
  });

  it("is another one when its user says so, and stays that", async () => {
    listed = ["local/tiny"];
    const { result, rerender } = await choice({ id: "c1", own: "vllm/big" });
    act(() => result.current.choose("local/tiny"));
    expect(result.current).toMatchObject({ id: "local/tiny", missing: false });
    await waitFor(() => expect(changes).toEqual([{ model: "local/tiny" }]));
    rerender({ id: "c1", own: "local/tiny" });
    // Changed since on another device.
    rerender({ id: "c1", own: "vllm/big" });
    await waitFor(() => expect(result.current.id).toBe("vllm/big"));
  });

  it("is what was picked even where the server could not be told", async () => {
    server.use(http.patch(at("/chat/conversations/c1"), () => HttpResponse.error()));
    const { result } = await choice({ id: "c1", own: "vllm/big" });
    act(() => result.current.choose("local/tiny"));
    await act(() => new Promise((resolve) => setTimeout(resolve)));
    expect(result.current.id).toBe("local/tiny");
    server.resetHandlers();
  });

  it("is the last one picked, though the one before is confirmed after that", async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const { result } = await choice({ id: "c1", own: "vllm/old" });
    server.use(
      http.patch(
        at("/chat/conversations/c1"),
        async () => {
          await held;
          changes.push("first");
          return HttpResponse.json(conversation({ conversation_id: "c1", model: "vllm/big" }));
        },
        { once: true },
      ),
    );
    act(() => result.current.choose("vllm/big"));
    server.use(http.patch(at("/chat/conversations/c1"), () => HttpResponse.error()));
    await act(async () => {
      result.current.choose("local/tiny");
      answer();
      await waitFor(() => expect(changes).toEqual(["first"]));
      await new Promise((resolve) => setTimeout(resolve));
    });
    expect(result.current.id).toBe("local/tiny");
    server.resetHandlers();
  });

  it("is left to the server while it is not known here, or follows the default", async () => {
    const { result, rerender } = await choice({ id: "c1" });
    expect(result.current).toMatchObject({ id: null, missing: false });
    rerender({ id: "c1", own: null });
    expect(result.current).toMatchObject({ id: null, missing: false });
    expect(result.current.model?.id).toBe("local/tiny");
  });
});

describe("a new conversation", () => {
  it("has the last model that was picked, or else the default", async () => {
    const { result } = await choice({ id: null });
    expect(result.current).toMatchObject({ id: "local/tiny", missing: false });
    act(() => result.current.choose("vllm/big"));
    expect(result.current.id).toBe("vllm/big");
    expect(changes).toEqual([]);
    const later = await choice({ id: null });
    expect(later.result.current.id).toBe("vllm/big");
    listed = ["local/tiny"];
    act(() => later.result.current.refresh());
    await waitFor(() => expect(later.result.current.id).toBe("local/tiny"));
  });

  it("does not take the pick of another conversation", async () => {
    const { result, rerender } = await choice({ id: "c1", own: "vllm/big" });
    rerender({ id: null });
    expect(result.current.id).toBe("local/tiny");
  });
});

it("the list is asked for again when the page is looked at again", async () => {
  await choice({ id: null });
  expect(asked).toBe(1);
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  await waitFor(() => expect(asked).toBe(2));
});
