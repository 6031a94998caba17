import { create } from "zustand";
import type { Problem } from "./types";

/** Whether the server can store anything now, as far as its answers have told. */
export const useWritable = create<{ writable: boolean }>(() => ({ writable: true }));

const ASK_EVERY = 3_000;
let asking: ReturnType<typeof setInterval> | undefined;

/** The code of a refusal. From `not_writable` on, the server is asked until it can store again. */
export function sawRefusal(code: string): void {
  if (code !== "not_writable" || !useWritable.getState().writable) return;
  useWritable.setState({ writable: false });
  asking = setInterval(ask, ASK_EVERY);
}

async function ask(): Promise<void> {
  const answer = await fetch("/ready").catch(() => null);
  const problem = answer?.ok === false ? ((await answer.json().catch(() => null)) as Problem | null) : null;
  if (problem?.code === "not_writable") return;
  // Of a server that is away, or leaves, nobody knows what it can store: the next refusal tells.
  clearInterval(asking);
  useWritable.setState({ writable: true });
}
