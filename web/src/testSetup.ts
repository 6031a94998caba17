import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

afterEach(() => {
  cleanup();
  localStorage.clear();
  sessionStorage.clear();
});

// happy-dom lays nothing out and has no observers to speak of.
vi.stubGlobal("scrollTo", () => undefined);
