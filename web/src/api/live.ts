import { activity, isActiveState, useActivity } from "./activityStore";
import { receiveApproval } from "./approvals";
import { chatApi } from "./chatApi";
import {
  beginConversation,
  forgetConversation,
  forgetQueued,
  isPresentRun,
  knowsMessage,
  receiveConversation,
  receiveMessage,
} from "./conversationService";
import type { AckData, ServerFrame } from "./frames";
import { intended } from "./intentions";
import { isQueued } from "./messageList";
import { outbox } from "./outbox";
import { recheckPermissions } from "./permissions";
import { ApiError } from "./problem";
import { keys, queryClient } from "./queryClient";
import { resend, startSending, takeRefusal } from "./sending";
import { accessToken, refreshSession, useSession } from "./session";
import { forgetStops, startStopping, stopAgain, stopped } from "./stopping";
import { applyDelta, applyMessage, clearStreams } from "./streamStore";
import type { Message, Todo } from "./types";
import { sawVersion } from "./version";
import { WebsocketService } from "./websocketService";
import { sawRefusal } from "./writable";

/** How often a conversation is read again while its socket is away. */
const POLL_EVERY = 2_500;
/** At most one request for the whole text per conversation in this time. */
const REWATCH_EVERY = 1_000;
/** A message acknowledged this soon was stored just now. */
const FRESH = 3_000;

let socket: WebsocketService | null = null;
const rewatched = new Map<string, number>();
const watching = new Set<string>();

/** Opens the live connection for the signed-in user; the result closes it. */
export function startLive(userId: number): () => void {
  socket = new WebsocketService({
    ticket: socketTicket,
    renewToken: async () => ((await refreshSession()) ? accessToken() : null),
    onFrame: receiveFrame,
    onState: activity.setConnection,
    onReady(fresh) {
      // What was fetched before the feed began may have missed what happened in between.
      if (fresh) void queryClient.invalidateQueries({ predicate: isLiveQuery });
      // A server that was away may be back with other models.
      else void queryClient.invalidateQueries({ queryKey: keys.models });
      resend();
      stopAgain();
    },
  });
  for (const id of watching) socket.watch(id);
  socket.start();
  const stopSending = startSending(userId, socket, takeAck);
  const endStopping = startStopping(socket);
  const poll = setInterval(pollWatched, POLL_EVERY);
  return () => {
    stopSending();
    endStopping();
    clearInterval(poll);
    socket?.stop();
    socket = null;
    activity.clear();
    activity.setConnection("connecting");
    clearStreams();
  };
}

async function socketTicket(): Promise<string> {
  try {
    return await chatApi.socketTicket();
  } catch (error) {
    // The session has ended; the login page takes over and stops this service.
    if (error instanceof ApiError && error.status === 401) socket?.stop();
    throw error;
  }
}

const LIVE = new Set<unknown>([
  "conversations",
  "conversation",
  "messages",
  "todos",
  "approvals",
  "permissions",
]);
const isLiveQuery = ({ queryKey }: { queryKey: readonly unknown[] }) => LIVE.has(queryKey[0]);

export function receiveFrame(frame: ServerFrame): void {
  const conversationId = frame.conversation_id ?? null;
  switch (frame.type) {
    case "connection":
      sawVersion(frame.data.version);
      return;
    case "message":
      if (!("deleted" in frame.data)) takeMessage(frame.data);
      else if (conversationId) forgetQueued(conversationId, frame.data.id);
      return;
    case "delta":
      if (applyDelta(frame.data) === "gap" && conversationId) rewatch(conversationId);
      return;
    case "run":
      if (conversationId) takeRun(conversationId, frame.data);
      return;
    case "typing":
      if (conversationId && frame.data.role !== "user") activity.setPhase(conversationId, frame.data);
      return;
    case "tool":
      activity.setTool(frame.data.call_id, frame.data.state);
      return;
    case "approval":
      receiveApproval(frame.data);
      return;
    case "conversation":
      if ("deleted" in frame.data) forgetConversation(frame.data.conversation_id);
      else {
        receiveConversation(frame.data);
        recheckPermissions(frame.data.conversation_id);
      }
      return;
    case "todo":
      takeTodo(frame.data);
      return;
    case "ack":
      takeAck(frame.data);
      return;
    case "error":
      sawRefusal(frame.data.code);
      if (frame.data.client_message_id) takeRefusal(frame.data.client_message_id, frame.data);
      return;
    case "reset":
      clearStreams();
      outbox.disown();
      activity.clear();
      forgetStops();
      void queryClient.invalidateQueries({ predicate: isLiveQuery });
      for (const id of watching) socket?.watch(id);
      return;
  }
}

function takeMessage(message: Message): void {
  applyMessage(message);
  if (message.client_message_id) beginWith(message, message.client_message_id);
  receiveMessage(message);
  if (message.client_message_id) {
    outbox.acknowledge(message.client_message_id, message.conversation_id);
  }
}

function takeRun(conversationId: string, run: Parameters<typeof activity.setRun>[1]): void {
  if (!isActiveState(run.state)) stopped(run.run_id);
  const known = useActivity.getState().runs[conversationId];
  // A late frame of a run that has ended must not revive it.
  if (known && known.run_id === run.run_id && !isActiveState(known.state) && isActiveState(run.state)) {
    return;
  }
  // Nor does one that never had its turn end the one that goes on.
  if (
    known?.run_id !== run.run_id &&
    !isActiveState(run.state) &&
    !isPresentRun(conversationId, run.run_id)
  ) {
    return;
  }
  activity.setRun(conversationId, run);
}

/** A request has begun this run; the feed may have told more of it by now. */
export function startedRun(conversationId: string, runId: string): void {
  if (useActivity.getState().runs[conversationId]?.run_id === runId) return;
  takeRun(conversationId, { run_id: runId, state: "queued" });
}

function takeTodo(todo: Todo | { id: number; deleted: boolean }): void {
  queryClient.setQueryData<Todo[]>(keys.todos, (todos) => {
    if (!todos) return undefined;
    if ("deleted" in todo) return todos.filter(({ id }) => id !== todo.id);
    return todos.some(({ id }) => id === todo.id)
      ? todos.map((each) => (each.id === todo.id ? todo : each))
      : [...todos, todo];
  });
}

/**
 * A conversation that this page has just begun is all here. The answer to one that was begun before a
 * reload, or by another tab, may have come and gone: that is fetched.
 */
function beginWith(message: Message, clientMessageId: string): void {
  const isFirst = message.parent_id === null && !isQueued(message);
  if (isFirst && outbox.isOwn(clientMessageId)) beginConversation(message);
}

function takeAck(ack: AckData): void {
  const id = ack.conversation_id;
  const waits = isQueued(ack.message);
  beginWith(ack.message, ack.client_message_id);
  receiveMessage(ack.message);
  const known = useActivity.getState().runs[id];
  const entry = outbox.get(ack.client_message_id);
  // Of a message that was sent again the run may be over long ago; the feed will tell.
  const isNew =
    outbox.isOwn(ack.client_message_id) && entry !== undefined && Date.now() - entry.created_at < FRESH;
  if (isNew && !waits && known?.run_id !== ack.run_id) {
    activity.setRun(id, { run_id: ack.run_id, state: "queued" });
  }
  outbox.acknowledge(ack.client_message_id, id);
}

/** A part of the text is missing: ask for all of it, in one snapshot. */
function rewatch(conversationId: string): void {
  const now = Date.now();
  if (now - (rewatched.get(conversationId) ?? 0) < REWATCH_EVERY) return;
  rewatched.set(conversationId, now);
  socket?.watch(conversationId);
}

/** Wants the tokens of a conversation until the result is called. */
export function watchConversation(conversationId: string): () => void {
  watching.add(conversationId);
  socket?.watch(conversationId);
  return () => {
    watching.delete(conversationId);
    socket?.unwatch(conversationId);
  };
}

/** Some proxies let no socket through: then what is on screen is read again while it may change. */
function pollWatched(): void {
  if (socket?.isOpen || useSession.getState().status !== "signed-in") return;
  for (const id of watching) {
    void queryClient.invalidateQueries({ queryKey: keys.messages(id) });
    void queryClient.invalidateQueries({ queryKey: keys.conversation(id) });
  }
}

/** Asks for another answer in place of this one. */
export async function regenerate(conversationId: string, messageId: number): Promise<void> {
  const { run_id, ai_message } = await intended(`regenerate ${messageId}`, (key) =>
    chatApi.regenerate(conversationId, messageId, key),
  );
  // A quick answer may be complete before this reply to the request is here.
  if (useActivity.getState().runs[conversationId]?.run_id === run_id) return;
  if (!knowsMessage(ai_message)) takeMessage(ai_message);
  takeRun(conversationId, { run_id, state: "queued", message_id: ai_message.id });
}
