import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

afterEach(() => {
  cleanup();
  // What runs in Node alone has no storage.
  globalThis.localStorage?.clear();
  globalThis.sessionStorage?.clear();
});

// happy-dom lays nothing out and has no observers to speak of.
vi.stubGlobal("scrollTo", () => undefined);
