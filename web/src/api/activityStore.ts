import { create } from "zustand";
import type { RunData, TypingData } from "./frames";
import type { ToolState } from "./types";

export type Connection = "connecting" | "open" | "reconnecting";

interface Activity {
  connection: Connection;
  /** The latest run of each conversation that this page has heard of. */
  runs: Record<string, RunData>;
  /** What the assistant is doing, by conversation. */
  phases: Record<string, TypingData & { since: number }>;
  tools: Record<string, ToolState>;
}

const nothing = { runs: {}, phases: {}, tools: {} };

/** What goes on right now; nothing in here is worth keeping. */
export const useActivity = create<Activity>(() => ({ connection: "connecting", ...nothing }));

export const isActiveState = (state: string | undefined): boolean =>
  state === "queued" || state === "running" || state === "awaiting_approval";

export const activity = {
  setConnection: (connection: Connection) => useActivity.setState({ connection }),

  setRun(conversationId: string, run: RunData): void {
    useActivity.setState(({ runs, phases }) => ({
      runs: { ...runs, [conversationId]: run },
      phases: isActiveState(run.state) ? phases : without(phases, conversationId),
    }));
  },

  setPhase(conversationId: string, phase: TypingData): void {
    useActivity.setState(({ phases }) => {
      if (phase.state === "idle") return { phases: without(phases, conversationId) };
      const old = phases[conversationId];
      const since = old?.state === phase.state ? old.since : Date.now();
      return { phases: { ...phases, [conversationId]: { ...phase, since } } };
    });
  },

  setTool(callId: string, state: ToolState): void {
    useActivity.setState(({ tools }) => ({ tools: { ...tools, [callId]: state } }));
  },

  clear: () => useActivity.setState(nothing),
};

function without<T>(record: Record<string, T>, key: string): Record<string, T> {
  const { [key]: _, ...rest } = record;
  return rest;
}
