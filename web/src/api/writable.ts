import { create } from "zustand";
import type { Problem } from "./types";

/** Whether the server can store anything now, as far as its answers have told. */
export const useWritable = create<{ writable: boolean }>(() => ({ writable: true }));

const ASK_EVERY = 2_000;
/** So often in a row it must be well again: on a disk that is nearly full, a probe may fit where a message does not. */
const WELL = 2;
let asking: ReturnType<typeof setInterval> | undefined;
let well = 0;

/** The code of a refusal. From `not_writable` on, the server is asked until it can store again. */
export function sawRefusal(code: string): void {
  if (code !== "not_writable") return;
  well = 0;
  if (!useWritable.getState().writable) return;
  useWritable.setState({ writable: false });
  asking = setInterval(ask, ASK_EVERY);
}

async function ask(): Promise<void> {
  const answer = await fetch("/ready").catch(() => null);
  const problem = answer?.ok === false ? ((await answer.json().catch(() => null)) as Problem | null) : null;
  if (problem?.code === "not_writable") well = 0;
  else if (answer?.ok) well += 1;
  // Of a server that is away, or leaves, nobody knows what it can store: the next refusal tells.
  else well = WELL;
  if (well < WELL) return;
  clearInterval(asking);
  useWritable.setState({ writable: true });
}
