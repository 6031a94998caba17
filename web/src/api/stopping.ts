import { chatApi } from "./chatApi";
import type { ClientFrame } from "./frames";
import { useWritable } from "./writable";

interface Way {
  send: (frame: ClientFrame) => boolean;
}

let socket: Way | null = null;
/** Runs that a socket was told to stop, with their conversations, until they have ended. */
const stopping = new Map<string, string>();

/** Takes stops from here on; the result ends that. */
export function startStopping(way: Way): () => void {
  socket = way;
  // A stop that could not be recorded is said again once it can be.
  const unsubscribe = useWritable.subscribe(({ writable }, before) => {
    if (writable && !before.writable) stopAgain();
  });
  return () => {
    unsubscribe();
    stopping.clear();
    socket = null;
  };
}

/**
 * Ends the run; what has been written stays. A socket may look open and be dead: the next one is told
 * again, unless the run has ended by then.
 */
export async function stopRun(runId: string, conversationId: string): Promise<void> {
  if (sendStop(runId, conversationId)) stopping.set(runId, conversationId);
  else await chatApi.cancelRun(runId);
}

/** Tells the server again which runs are to end. */
export function stopAgain(): void {
  for (const [runId, conversationId] of stopping) sendStop(runId, conversationId);
}

/** The run has ended. */
export function stopped(runId: string): void {
  stopping.delete(runId);
}

/** What goes on is not known any more. */
export function forgetStops(): void {
  stopping.clear();
}

const sendStop = (runId: string, conversationId: string): boolean =>
  socket?.send({ type: "stop", data: { run_id: runId }, conversation_id: conversationId }) ?? false;
