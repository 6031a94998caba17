import { takeOverAbandoned } from "./abandoned";
import { chatApi } from "./chatApi";
import type { AckData, ClientFrame } from "./frames";
import { outbox, useOutbox, type Waiting } from "./outbox";
import { ApiError } from "./problem";
import { keys, queryClient } from "./queryClient";
import { useSession } from "./session";
import type { Problem } from "./types";

/** Without a socket for this long, messages go out by plain requests. */
const FALLBACK_AFTER = 4_000;
/** The first pause before a message that the server could not take goes out again. */
const PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;
const GONE = "The conversation this was written in is gone. The text is in the input here.";

interface Way {
  readonly isOpen: boolean;
  send: (frame: ClientFrame) => boolean;
}

let socket: Way | null = null;
let onAccepted: (ack: AckData) => void;
const posting = new Set<string>();
/** Messages that the server could not take just now, until they go out again. */
const pausing = new Map<string, ReturnType<typeof setTimeout>>();

/** Puts this user's outbox on its way, by the socket or by plain requests; the result ends that. */
export function startSending(userId: number, way: Way, accepted: (ack: AckData) => void): () => void {
  socket = way;
  onAccepted = accepted;
  outbox.adopt(userId);
  const endTakingOver = takeOverAbandoned(userId, sendBySocket);
  const fallback = setInterval(sendByRequest, FALLBACK_AFTER);
  return () => {
    endTakingOver();
    clearInterval(fallback);
    for (const timer of pausing.values()) clearTimeout(timer);
    pausing.clear();
    socket = null;
  };
}

/** Takes the message into the outbox and sends it as soon as there is a way. Never lost, never doubled. */
export function sendMessage(message: {
  content: string;
  conversation_id: string | null;
  model: string | null;
  on_busy: "enqueue" | "interrupt";
}): void {
  const user = useSession.getState().user;
  if (!user) return;
  sendBySocket(outbox.add({ ...message, user_id: user.id }));
}

/** A new socket: what it may not have heard goes out again. */
export function resend(): void {
  for (const entry of useOutbox.getState().waiting) sendBySocket(entry);
}

function sendBySocket(entry: Waiting): boolean {
  const { content, client_message_id, model, on_busy, time_zone, conversation_id } = entry;
  return (
    socket?.send({
      type: "message",
      data: { content, client_message_id, time_zone, ...(model && { model }), ...(on_busy && { on_busy }) },
      conversation_id,
    }) ?? false
  );
}

function sendByRequest(): void {
  if (socket?.isOpen) return;
  for (const entry of useOutbox.getState().waiting) {
    const isPausing = pausing.has(entry.client_message_id);
    if (!isPausing && Date.now() - entry.created_at >= FALLBACK_AFTER) void post(entry);
  }
}

async function post(entry: Waiting): Promise<void> {
  const { content, client_message_id, model, on_busy, time_zone, conversation_id } = entry;
  if (posting.has(client_message_id)) return;
  posting.add(client_message_id);
  try {
    const { user_message, run_id } = await chatApi.sendMessage({
      content,
      client_message_id,
      conversation_id,
      model,
      on_busy,
      time_zone,
    });
    // Acknowledged by the feed meanwhile, or its user has left.
    if (!outbox.get(client_message_id)) return;
    onAccepted({
      client_message_id,
      message: user_message,
      run_id,
      conversation_id: user_message.conversation_id,
    });
    void queryClient.invalidateQueries({ queryKey: keys.conversations });
  } catch (error) {
    // It may have been stored where no feed tells of it.
    outbox.disown(client_message_id);
    // Unreachable, or the session is being renewed: the next round takes it.
    if (!(error instanceof ApiError) || error.status === 0 || error.status === 401) return;
    takeRefusal(client_message_id, { ...error, detail: error.message });
  } finally {
    posting.delete(client_message_id);
  }
}

/** Why a message was not taken: a problem document, or what a request made of it. */
type Refusal = Pick<Problem, "status" | "code" | "detail"> & { retryAfter?: number };

/**
 * The server did not take a message. Where it may yet do so, or may even have done so without
 * knowing, the message waits and goes out again under the same id: given back to the input, it would
 * get another id and could be stored twice.
 */
export function takeRefusal(clientMessageId: string, refusal: Refusal): void {
  const entry = outbox.get(clientMessageId);
  if (!entry) return;
  if (!mayPass(refusal.status)) {
    refuse(entry, refusal);
    return;
  }
  const times = outbox.hold(clientMessageId, refusal.code);
  const wanted = refusal.retryAfter ? refusal.retryAfter * 1000 : PAUSE * 2 ** (times - 1);
  const timer = setTimeout(() => again(clientMessageId), Math.min(wanted, LONGEST_PAUSE));
  clearTimeout(pausing.get(clientMessageId));
  pausing.set(clientMessageId, timer);
}

function refuse({ client_message_id, conversation_id }: Waiting, { status, detail }: Refusal): void {
  const gone = conversation_id !== null && (status === 404 || status === 410);
  outbox.refuse(client_message_id, gone ? GONE : detail, gone);
  // Where it is open, the page shows that it is gone, and the way to a new one.
  if (gone) void queryClient.invalidateQueries({ queryKey: keys.messages(conversation_id) });
}

/** Too slow, too early, too often, or the server's own trouble: not the message's fault. */
const mayPass = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || status >= 500;

function again(clientMessageId: string): void {
  pausing.delete(clientMessageId);
  const entry = outbox.get(clientMessageId);
  if (entry && !sendBySocket(entry)) void post(entry);
}
