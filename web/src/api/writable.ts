import { create } from "zustand";
import type { Problem } from "./types";

/** Whether the server can store anything now, as far as its answers have told. */
export const useWritable = create<{ writable: boolean }>(() => ({ writable: true }));

/** The pause before the server is asked; each further one is twice as long. */
const PAUSE = 3_000;
const LONGEST_PAUSE = 10_000;
/** So often in a row it must be well again: on a disk that is nearly full, a probe may fit where a message does not. */
const WELL = 2;
/** An answer that takes longer is none. */
const PATIENCE = 10_000;

let asking: ReturnType<typeof setTimeout> | undefined;
let refusals = 0;
let well = 0;

/** The code of a refusal. From `not_writable` on, the server is asked until it can store again. */
export function sawRefusal(code: string): void {
  if (code !== "not_writable") return;
  refusals += 1;
  well = 0;
  if (!useWritable.getState().writable) return;
  useWritable.setState({ writable: false });
  askAfter(PAUSE);
}

/** All tabs learn of it at about the same moment, and don't ask a server in trouble all at once. */
function askAfter(pause: number): void {
  clearTimeout(asking);
  asking = setTimeout(() => void ask(pause), pause * (0.75 + Math.random() / 2));
}

async function ask(pause: number): Promise<void> {
  const before = refusals;
  const answer = await fetch("/ready", { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
  const problem = answer?.ok === false ? ((await answer.json().catch(() => null)) as Problem | null) : null;
  // An answer from before the latest refusal says nothing.
  if (problem?.code === "not_writable" || refusals !== before) {
    well = 0;
    askAfter(Math.min(pause * 2, LONGEST_PAUSE));
    return;
  }
  if (answer?.ok) well += 1;
  // Of a server that is away, or leaves, nobody knows what it can store: the next refusal tells.
  else well = WELL;
  if (well < WELL) askAfter(PAUSE);
  else useWritable.setState({ writable: true });
}
