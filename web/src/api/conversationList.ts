import type { InfiniteData } from "@tanstack/react-query";
import type { Conversation, ConversationList } from "./types";

/** The loaded pages of the list, newest activity first. */
export type Pages = InfiniteData<ConversationList, string | null>;

/**
 * Puts a conversation that was created or changed where it belongs. One that is older than all that
 * is loaded comes with its own page: put at the end, it would be there twice then.
 */
export function placeInList(data: Pages, conversation: Conversation): Pages {
  const id = conversation.conversation_id;
  const pages = withoutConversation(data.pages, id);
  if (conversation.archived) return { ...data, pages };
  const isOlder = (each: Conversation) => each.updated_at <= conversation.updated_at;
  const lastPage = pages.length - 1;
  const found = pages.findIndex((page) => page.conversations.some(isOlder));
  const wasThere = data.pages.some((page) => page.conversations.some((each) => each.conversation_id === id));
  if (found < 0 && !wasThere && pages[lastPage]?.next_cursor) return data;
  const target = found < 0 ? lastPage : found;
  return {
    ...data,
    pages: pages.map((page, index) => {
      if (index !== target) return page;
      const before = page.conversations.findIndex(isOlder);
      const at = before < 0 ? page.conversations.length : before;
      return { ...page, conversations: page.conversations.toSpliced(at, 0, conversation) };
    }),
  };
}

export function withoutConversation(pages: ConversationList[], id: string): ConversationList[] {
  return pages.map((page) =>
    page.conversations.some((each) => each.conversation_id === id)
      ? { ...page, conversations: page.conversations.filter((each) => each.conversation_id !== id) }
      : page,
  );
}

/** All that is loaded, each once: one that moved up while a page was fetched is in that page as well. */
export function flatten(data: Pick<Pages, "pages"> | undefined): Conversation[] {
  const all = data?.pages.flatMap((page) => page.conversations) ?? [];
  const seen = new Set<string>();
  return all.filter(({ conversation_id }) => !seen.has(conversation_id) && seen.add(conversation_id));
}
