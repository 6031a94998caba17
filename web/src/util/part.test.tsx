import { render, screen } from "@testing-library/react";
import { Suspense } from "react";
import { describe, expect, it, vi } from "vitest";
import { part, prefetchParts } from "./part";

const Hello = ({ name }: { name: string }) => <p>Hello {name}</p>;
const show = (Shown: ReturnType<typeof part<{ name: string }>>, name = "you") => (
  <Suspense fallback="waiting">
    <Shown name={name} />
  </Suspense>
);

describe("a part that is fetched apart", () => {
  it("comes when it is shown", async () => {
    render(show(part(async () => ({ default: Hello }))));
    expect(screen.getByText("waiting")).toBeDefined();
    await screen.findByText("Hello you");
  });

  it("is there at once when it was fetched before, and stays through renders", async () => {
    const load = vi.fn(async () => ({ default: Hello }));
    const Part = part(load);
    prefetchParts();
    await vi.waitFor(() => expect(load).toHaveResolved());
    await Promise.resolve();
    const { rerender } = render(show(Part));
    const first = screen.getByText("Hello you");
    rerender(show(Part, "two"));
    expect(screen.getByText("Hello two")).toBe(first);
  });

  it("is tried again after a prefetch that failed", async () => {
    const load = vi
      .fn(async () => ({ default: Hello }))
      .mockRejectedValueOnce(new Error("the network is away"));
    const Part = part(load);
    Part.prefetch();
    await Promise.resolve();
    render(show(Part));
    await screen.findByText("Hello you");
  });
});
