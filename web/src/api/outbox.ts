import { create } from "zustand";
import { storage } from "@/util/storage";
import { uuid } from "@/util/uuid";
import { restoreDraft } from "./drafts";
import type { OutgoingMessage } from "./frames";
import { onLeave } from "./session";

/** A message that the server has not acknowledged yet. */
export interface Waiting extends OutgoingMessage {
  conversation_id: string | null;
  user_id: number;
  tab: string;
  created_at: number;
}

/** Why the server refused a message, to be said where its text stands in the input again. */
interface Refusal {
  client_message_id: string;
  user_id: number;
  conversation_id: string | null;
  reason: string;
}

/** Why the server could not take a message yet, and how often it said so. */
interface Held {
  code: string;
  times: number;
}

interface Outbox {
  waiting: Waiting[];
  refused: Refusal[];
  /** By the id of the message. */
  held: Record<string, Held>;
}

const KEY = "rejoinder.outbox";
/** A message that was written less long ago is left to its tab, which may be loading again. */
const ABANDONED_AFTER = 15_000;

export const useOutbox = create<Outbox>(() => ({ waiting: [], refused: [], held: {} }));

const tab = tabId();
/** Messages that this page has sent since its feed began: it has heard all that became of them. */
const own = new Set<string>();
type AckListener = (message: Waiting, conversationId: string) => void;
const listeners = new Set<AckListener>();

function tabId(): string {
  try {
    const known = sessionStorage.getItem("rejoinder.tab");
    if (known) return known;
    const fresh = uuid();
    sessionStorage.setItem("rejoinder.tab", fresh);
    return fresh;
  } catch {
    return uuid();
  }
}

const stored = () => storage.getJson<Waiting[]>(KEY, []);

function store(entries: Waiting[]): void {
  storage.set(KEY, entries.length ? JSON.stringify(entries) : null);
}

export const outbox = {
  /** Takes up what a reload, or a login that ended, left unacknowledged. The ids make re-sending safe. */
  adopt(userId: number): void {
    outbox.disown();
    // Where nothing can be stored, what is here is all there is.
    const ofUser = (entry: { user_id: number }) => entry.user_id === userId;
    useOutbox.setState(({ waiting, refused }) => ({
      waiting: waiting.filter(ofUser),
      refused: refused.filter(ofUser),
    }));
    takeUp(outbox.elsewhere(userId).filter(outbox.isOurs));
  },

  /** What this browser keeps of the user that is not on its way from this tab. */
  elsewhere: (userId: number): Waiting[] =>
    stored().filter((entry) => entry.user_id === userId && !outbox.get(entry.client_message_id)),

  /** Takes up and answers those of these messages that their tab has left behind. */
  takeOver(userId: number, ids: ReadonlySet<string>): Waiting[] {
    const before = Date.now() - ABANDONED_AFTER;
    const left = outbox
      .elsewhere(userId)
      .filter((entry) => ids.has(entry.client_message_id) && entry.created_at <= before);
    takeUp(left);
    return left;
  },

  /** Whether it was written in this tab, before a reload or since; others were only left to it. */
  isOurs: (entry: Waiting): boolean => entry.tab === tab,

  /** Whether nothing of what the message began can have been missed here. */
  isOwn: (clientMessageId: string): boolean => own.has(clientMessageId),

  /** What became of the message, or of all that wait, may have been missed. */
  disown(clientMessageId?: string): void {
    if (clientMessageId === undefined) own.clear();
    else own.delete(clientMessageId);
  },

  /** The message, as long as it waits. */
  get: (clientMessageId: string): Waiting | undefined =>
    useOutbox.getState().waiting.find(({ client_message_id }) => client_message_id === clientMessageId),

  add(message: Pick<Waiting, "content" | "conversation_id" | "model" | "on_busy" | "user_id">): Waiting {
    const entry: Waiting = {
      ...message,
      client_message_id: uuid(),
      time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC",
      tab,
      created_at: Date.now(),
    };
    own.add(entry.client_message_id);
    store([...stored(), entry]);
    useOutbox.setState(({ waiting }) => ({ waiting: [...waiting, entry] }));
    return entry;
  },

  /** The message is committed. A second acknowledgement changes nothing. */
  acknowledge(clientMessageId: string, conversationId: string): void {
    const entry = take(clientMessageId);
    if (!entry) return;
    for (const listener of listeners) listener(entry, conversationId);
  },

  /** The server can't take the message just now: it keeps waiting. Answers how often that was said. */
  hold(clientMessageId: string, code: string): number {
    const times = (useOutbox.getState().held[clientMessageId]?.times ?? 0) + 1;
    useOutbox.setState(({ held }) => ({ held: { ...held, [clientMessageId]: { code, times } } }));
    return times;
  },

  /** Its text goes back to the input of its conversation, or of a new one where that is gone. */
  refuse(clientMessageId: string, reason: string, gone = false): void {
    const entry = outbox.get(clientMessageId);
    if (!entry) return;
    const { user_id, content } = entry;
    const conversation_id = gone ? null : entry.conversation_id;
    // First of all: what is in neither place at once would be lost with the page.
    restoreDraft(user_id, conversation_id, content);
    take(clientMessageId);
    useOutbox.setState(({ refused }) => ({
      refused: [...refused, { client_message_id: clientMessageId, user_id, conversation_id, reason }],
    }));
  },

  /** The reason has been said. */
  dismiss(clientMessageId: string): void {
    useOutbox.setState(({ refused }) => ({
      refused: refused.filter((entry) => entry.client_message_id !== clientMessageId),
    }));
  },

  onAcknowledged(listener: AckListener): () => void {
    listeners.add(listener);
    return () => listeners.delete(listener);
  },
};

onLeave((userId) => {
  store(stored().filter((entry) => entry.user_id !== userId));
  useOutbox.setState({ waiting: [], refused: [], held: {} });
});

function takeUp(entries: Waiting[]): void {
  if (entries.length === 0) return;
  useOutbox.setState(({ waiting }) => ({
    waiting: [...entries, ...waiting].sort((a, b) => a.created_at - b.created_at),
  }));
}

function take(clientMessageId: string): Waiting | undefined {
  const entry = outbox.get(clientMessageId);
  own.delete(clientMessageId);
  const rest = ({ client_message_id }: Waiting) => client_message_id !== clientMessageId;
  store(stored().filter(rest));
  useOutbox.setState(({ waiting, held: { [clientMessageId]: _, ...held } }) => ({
    waiting: waiting.filter(rest),
    held,
  }));
  return entry;
}
