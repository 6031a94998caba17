import { type ReactNode, Suspense, useState } from "react";
import { flatten } from "@/api/conversationList";
import { conversationTitle, deleteConversation, useConversations } from "@/api/conversationService";
import { errorText } from "@/api/problem";
import type { Conversation } from "@/api/types";
import { Button } from "@/ui/Button";
import { ComposeIcon } from "@/ui/icons";
import { Skeleton } from "@/ui/Skeleton";
import { part } from "@/util/part";
import { dayGroup } from "@/util/time";
import { useDelayed } from "@/util/useDelayed";
import { ConversationItem } from "./ConversationItem";
import { MoreConversations } from "./MoreConversations";

const ConfirmDialog = part(() => import("@/ui/ConfirmDialog"));

export function ConversationSidebar({
  conversationId,
  header,
  footer,
  onNewConversation,
  onOpened,
  onDeleted,
}: {
  conversationId: string | null;
  header: ReactNode;
  footer: ReactNode;
  onNewConversation: () => void;
  /** A conversation was chosen: a sheet closes. */
  onOpened: () => void;
  onDeleted: (id: string) => void;
}) {
  const list = useConversations();
  const [deleting, setDeleting] = useState<Conversation | null>(null);
  const conversations = flatten(list.data);

  return (
    <nav aria-label="Conversations" className="flex h-full min-h-0 w-full flex-col">
      <div className="flex h-13 shrink-0 items-center gap-1 px-3">{header}</div>
      <div className="px-3 pb-2">
        <Button className="w-full justify-start! bg-transparent! hover:bg-hover!" onClick={onNewConversation}>
          <ComposeIcon width={18} height={18} />
          New conversation
        </Button>
      </div>
      <div className="min-h-0 flex-1 overflow-y-auto px-3 pb-4">
        {list.isPending && <Placeholder />}
        {list.isError && conversations.length === 0 && (
          <div className="px-2 py-3 text-muted text-sm">
            <p>{errorText(list.error)}</p>
            <Button className="mt-2" onClick={() => void list.refetch()}>
              Try again
            </Button>
          </div>
        )}
        {list.isSuccess && conversations.length === 0 && (
          <p className="px-2 py-3 text-muted text-sm">Your conversations will be listed here.</p>
        )}
        {groups(conversations).map(({ name, items }) => (
          <section key={name} aria-label={name}>
            <h2 className="px-2 pt-4 pb-1 font-medium text-muted text-sm">{name}</h2>
            <ul className="space-y-px">
              {items.map((conversation) => (
                <ConversationItem
                  key={conversation.conversation_id}
                  conversation={conversation}
                  current={conversation.conversation_id === conversationId}
                  onOpened={onOpened}
                  onDelete={() => setDeleting(conversation)}
                />
              ))}
            </ul>
          </section>
        ))}
        {list.hasNextPage && (
          <MoreConversations
            busy={list.isFetchingNextPage}
            failed={list.isFetchNextPageError}
            onMore={() => void list.fetchNextPage()}
          />
        )}
      </div>
      {footer && <div className="shrink-0 border-line border-t p-2">{footer}</div>}
      <Suspense>
        {deleting && (
          <ConfirmDialog
            onClose={() => setDeleting(null)}
            title="Delete this conversation?"
            action="Delete conversation"
            onConfirm={async () => {
              await deleteConversation(deleting.conversation_id);
              onDeleted(deleting.conversation_id);
            }}
          >
            “{conversationTitle(deleting)}” and all its messages will be gone for good.
          </ConfirmDialog>
        )}
      </Suspense>
    </nav>
  );
}

function groups(conversations: Conversation[]): { name: string; items: Conversation[] }[] {
  const now = new Date();
  const result: { name: string; items: Conversation[] }[] = [];
  for (const conversation of conversations) {
    const name = dayGroup(conversation.updated_at, now);
    const last = result.at(-1);
    if (last?.name === name) last.items.push(conversation);
    else result.push({ name, items: [conversation] });
  }
  return result;
}

function Placeholder() {
  const late = useDelayed(true, 200);
  if (!late) return null;
  return (
    <div className="space-y-5 px-2 pt-6">
      {["w-4/5", "w-3/5", "w-11/12", "w-2/3", "w-3/4"].map((width) => (
        <Skeleton key={width} className={width} />
      ))}
    </div>
  );
}
