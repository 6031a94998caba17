import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useInfiniteQuery,
  useQuery,
} from "@tanstack/react-query";
import { isActiveState } from "./activityStore";
import { chatApi } from "./chatApi";
import { flatten, type Pages, placeInList, withoutConversation } from "./conversationList";
import { type Branch, dropQueued, mergeLatest, placeMessage, toBranch } from "./messageList";
import { keys, queryClient } from "./queryClient";
import { applyMessage } from "./streamStore";
import type { Conversation, ConversationList, Message } from "./types";

type Change = (branch: Branch) => Branch;

/** What changes while a page of a conversation is being fetched, by conversation. */
const arriving = new Map<string, Change[]>();

const conversationsQuery = infiniteQueryOptions({
  queryKey: keys.conversations,
  queryFn: ({ pageParam }) => fetchPage(pageParam),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

/** Something changed in the list while it was being fetched. */
let missed = false;

async function fetchPage(cursor: string | null): Promise<ConversationList> {
  try {
    return await chatApi.getConversations(cursor);
  } finally {
    if (missed) {
      missed = false;
      setTimeout(() => void queryClient.invalidateQueries({ queryKey: keys.conversations }));
    }
  }
}

function noteListChange(): void {
  missed ||= queryClient.isFetching({ queryKey: keys.conversations }) > 0;
}

export const useConversations = () => useInfiniteQuery(conversationsQuery);

/** Typing that pauses for so long, in ms, is asked for. */
const TYPED = 150;

export interface Found {
  conversations: Conversation[];
  /** The server has not answered yet. */
  searching: boolean;
  /** Why only those of the list here were looked through. */
  error: Error | null;
}

/** Conversations whose names have these words: at once those of the list here, then the server's. */
export function useFoundConversations(words: string): Found {
  const loaded = flatten(useConversations().data);
  const { data, isPlaceholderData, isPending, error } = useQuery({
    queryKey: keys.found(words),
    async queryFn({ signal }) {
      await new Promise((resolve) => setTimeout(resolve, TYPED));
      signal.throwIfAborted();
      return chatApi.findConversations(words, signal);
    },
    enabled: words !== "",
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  if (words === "") return { conversations: loaded, searching: false, error: null };
  const named = (each: Conversation) => conversationTitle(each).toLowerCase().includes(words.toLowerCase());
  const here = loaded.filter(named);
  const known = new Set(here.map(({ conversation_id }) => conversation_id));
  const told = data?.conversations ?? [];
  // What was found for other words is shown until then where it has these, too.
  const others = isPlaceholderData ? told.filter(named) : told;
  return {
    conversations: [...here, ...others.filter(({ conversation_id }) => !known.has(conversation_id))],
    searching: isPending || isPlaceholderData,
    error,
  };
}

export const conversationQuery = (id: string) =>
  queryOptions({ queryKey: keys.conversation(id), queryFn: () => chatApi.getConversation(id) });

export const messagesQuery = (id: string) =>
  queryOptions({ queryKey: keys.messages(id), queryFn: ({ signal }) => fetchLatest(id, signal) });

async function fetchLatest(id: string, signal: AbortSignal): Promise<Branch> {
  const during: Change[] = [];
  arriving.set(id, during);
  try {
    const latest = await chatApi.getConversationMessages(id, { signal });
    for (const message of latest.messages) applyMessage(message);
    const merged = mergeLatest(queryClient.getQueryData<Branch>(keys.messages(id)), latest);
    // The socket may have been ahead of the snapshot.
    return during.reduce((branch, change) => change(branch), merged);
  } finally {
    if (arriving.get(id) === during) arriving.delete(id);
  }
}

const loadingOlder = new Map<string, Promise<void>>();

/** Loads the page before the oldest message that is here; asked for again meanwhile, it is that request. */
export function loadOlder(id: string): Promise<void> {
  const pending = loadingOlder.get(id);
  if (pending) return pending;
  const loading = loadPageBefore(id).finally(() => loadingOlder.delete(id));
  loadingOlder.set(id, loading);
  return loading;
}

async function loadPageBefore(id: string): Promise<void> {
  const branch = queryClient.getQueryData<Branch>(keys.messages(id));
  const first = branch?.messages[0];
  if (!branch?.hasOlder || !first) return;
  const page = await chatApi.getConversationMessages(id, { before: first.id });
  queryClient.setQueryData<Branch>(
    keys.messages(id),
    (now) =>
      now &&
      (now.messages[0]?.id === first.id
        ? { ...now, messages: [...page.messages, ...now.messages], hasOlder: page.hasOlder }
        : now),
  );
}

/** Leaves only the newest messages in memory; the others come again when they are scrolled to. */
export function forgetOlder(id: string, keep: number): void {
  queryClient.setQueryData<Branch>(
    keys.messages(id),
    (branch) => branch && { ...branch, messages: branch.messages.slice(-keep), hasOlder: true },
  );
}

/** A message was created or changed, here or on another device. */
export function receiveMessage(message: Message): void {
  changeBranch(message.conversation_id, (branch) => placeMessage(branch, message));
}

/** A message was removed from the queue. */
export function forgetQueued(conversationId: string, messageId: number): void {
  changeBranch(conversationId, (branch) => dropQueued(branch, messageId));
}

function changeBranch(id: string, change: Change): void {
  arriving.get(id)?.push(change);
  queryClient.setQueryData<Branch>(keys.messages(id), (branch) => (branch ? change(branch) : undefined));
}

export async function changeQueued({ conversation_id, id }: Message, content: string): Promise<void> {
  receiveMessage(await chatApi.changeQueued(conversation_id, id, content));
}

export async function removeQueued({ conversation_id, id }: Message): Promise<void> {
  await chatApi.removeQueued(conversation_id, id);
  forgetQueued(conversation_id, id);
}

/** Whether the run is the one that the conversation's last answer is written by, as far as is known here. */
export function isPresentRun(conversationId: string, runId: string): boolean {
  const messages = queryClient.getQueryData<Branch>(keys.messages(conversationId))?.messages;
  const conversation = queryClient.getQueryData<Conversation>(keys.conversation(conversationId));
  return messages?.at(-1)?.run_id === runId || conversation?.active_run?.run_id === runId;
}

export const knowsMessage = ({ id, conversation_id }: Message): boolean =>
  queryClient
    .getQueryData<Branch>(keys.messages(conversation_id))
    ?.messages.some((message) => message.id === id) ?? false;

/** Whether the message is here with this text, in the branch or in the queue. */
export function saysAlready({ id, conversation_id }: Message, text: string): boolean {
  const branch = queryClient.getQueryData<Branch>(keys.messages(conversation_id));
  const now = branch?.messages.concat(branch.queued).find((message) => message.id === id);
  return now?.content === text;
}

/** The first message of a conversation that this page started: nothing needs to be fetched for it. */
export function beginConversation(message: Message): void {
  queryClient.setQueryData<Branch>(
    keys.messages(message.conversation_id),
    (branch) => branch ?? toBranch([message], false),
  );
}

export function receiveConversation(conversation: Conversation): void {
  noteListChange();
  const queryKey = keys.conversation(conversation.conversation_id);
  // What is being fetched may be older than this.
  void queryClient.cancelQueries({ queryKey });
  queryClient.setQueryData(queryKey, conversation);
  queryClient.setQueryData<Pages>(keys.conversations, (pages) => pages && placeInList(pages, conversation));
}

export function forgetConversation(id: string): void {
  noteListChange();
  queryClient.setQueryData<Pages>(
    keys.conversations,
    (data) => data && { ...data, pages: withoutConversation(data.pages, id) },
  );
  queryClient.removeQueries({ queryKey: keys.messages(id) });
  queryClient.removeQueries({ queryKey: keys.conversation(id) });
}

export async function renameConversation(id: string, title: string): Promise<void> {
  receiveConversation(await chatApi.renameConversation(id, title));
}

export async function chooseModel(id: string, model: string): Promise<void> {
  receiveConversation(await chatApi.chooseModel(id, model));
}

export async function deleteConversation(id: string): Promise<void> {
  await chatApi.deleteConversation(id);
  forgetConversation(id);
}

/** The id of the run that is going on in the conversation, as the server last told it. */
export function activeRunId(conversation: Conversation | undefined): string | null {
  const run = conversation?.active_run;
  return run && isActiveState(run.state) ? run.run_id : null;
}

export const conversationTitle = (conversation: Pick<Conversation, "title" | "user_input">): string =>
  conversation.title?.trim() || conversation.user_input?.trim().slice(0, 80) || "New conversation";
