import { Link } from "@tanstack/react-router";
import { type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { isActiveState, useActivity } from "@/api/activityStore";
import { flatten } from "@/api/conversationList";
import {
  activeRunId,
  conversationTitle,
  deleteConversation,
  renameConversation,
  useConversations,
} from "@/api/conversationService";
import { errorText } from "@/api/problem";
import type { Conversation } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { ComposeIcon, MoreIcon, PencilIcon, TrashIcon } from "@/ui/icons";
import { Menu } from "@/ui/Menu";
import { Skeleton } from "@/ui/Skeleton";
import { part } from "@/util/part";
import { dayGroup, exactTime, narrowTime } from "@/util/time";
import { useDelayed } from "@/util/useDelayed";

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
                <Item
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
        {list.hasNextPage && <More busy={list.isFetchingNextPage} onMore={() => void list.fetchNextPage()} />}
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

function Item({
  conversation,
  current,
  onOpened,
  onDelete,
}: {
  conversation: Conversation;
  current: boolean;
  onOpened: () => void;
  onDelete: () => void;
}) {
  const [renaming, setRenaming] = useState(false);
  const id = conversation.conversation_id;
  const title = conversationTitle(conversation);
  const run = useActivity(({ runs }) => runs[id]);
  const asks = (run ?? conversation.active_run)?.state === "awaiting_approval";
  const running = run ? isActiveState(run.state) : activeRunId(conversation) !== null;

  if (renaming) {
    return (
      <li>
        <Rename
          title={title}
          onDone={() => setRenaming(false)}
          onSave={(next) => renameConversation(id, next)}
        />
      </li>
    );
  }
  return (
    <li className={cx("group/item relative rounded-control", current ? "bg-selected" : "hover:bg-hover")}>
      <Link
        to="/c/$conversationId"
        params={{ conversationId: id }}
        aria-current={current ? "page" : undefined}
        onClick={onOpened}
        className="flex h-9 items-center gap-2 rounded-control ps-2 pe-16 text-sm touch:pe-28 -outline-offset-2 touch:h-11"
      >
        {running && (
          <span
            role="img"
            aria-label={asks ? "Waiting for your approval" : "Answering"}
            className={cx("size-2 shrink-0 rounded-full", asks ? "bg-warning" : "animate-quiet bg-accent")}
          />
        )}
        <span className="min-w-0 flex-1 truncate" dir="auto" title={title}>
          {title}
        </span>
      </Link>
      <time
        dateTime={conversation.updated_at}
        title={exactTime(conversation.updated_at)}
        className={cx(
          "pointer-events-none absolute inset-y-0 end-2 flex items-center text-muted text-sm group-focus-within/item:hidden group-hover/item:hidden group-has-data-popup-open/item:hidden touch:end-12",
          current && "touch:flex pointer-fine:hidden",
        )}
      >
        {narrowTime(conversation.updated_at)}
      </time>
      <div
        className={cx(
          "absolute inset-y-0 end-1 flex items-center opacity-0 focus-within:opacity-100 group-hover/item:opacity-100 has-data-popup-open:opacity-100 touch:opacity-100",
          current && "opacity-100",
        )}
      >
        <Menu
          align="end"
          trigger={
            <IconButton label={`More for ${title}`} className="size-7! touch:size-10!">
              <MoreIcon width={18} height={18} strokeWidth={2.4} />
            </IconButton>
          }
          entries={() => [
            {
              kind: "item",
              label: "Rename",
              icon: <PencilIcon width={16} height={16} />,
              onSelect: () => setRenaming(true),
            },
            {
              kind: "item",
              label: "Delete conversation",
              icon: <TrashIcon width={16} height={16} />,
              danger: true,
              onSelect: onDelete,
            },
          ]}
        />
      </div>
    </li>
  );
}

function Rename({
  title,
  onSave,
  onDone,
}: {
  title: string;
  onSave: (title: string) => Promise<void>;
  onDone: () => void;
}) {
  const [text, setText] = useState(title);
  const [problem, setProblem] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const cancelled = useRef(false);
  useEffect(() => {
    // After the menu has given the focus back.
    const timer = setTimeout(() => field.current?.select());
    return () => clearTimeout(timer);
  }, []);

  async function save() {
    const next = text.trim();
    if (cancelled.current || next === "" || next === title) return onDone();
    try {
      await onSave(next);
      onDone();
    } catch (error) {
      setProblem(errorText(error));
    }
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <input
        ref={field}
        aria-label="Conversation title"
        aria-invalid={problem !== null || undefined}
        dir="auto"
        maxLength={200}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => void save()}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          cancelled.current = true;
          onDone();
        }}
        className="h-9 w-full rounded-control border border-accent bg-raised px-2 text-sm outline-none"
      />
      {problem && (
        <p role="alert" className="px-2 py-1 text-danger text-sm">
          {problem}
        </p>
      )}
    </form>
  );
}

/** Fetches the next page when it comes into view; the button is for keyboards and screen readers. */
function More({ busy, onMore }: { busy: boolean; onMore: () => void }) {
  const mark = useRef<HTMLDivElement>(null);
  const more = useRef(onMore);
  more.current = onMore;
  useEffect(() => {
    const element = mark.current;
    if (!element || busy) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && more.current(), {
      rootMargin: "300px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [busy]);
  return (
    <div ref={mark} className="pt-2">
      <Button kind="quiet" busy={busy} className="w-full text-muted" onClick={onMore}>
        {busy ? "Loading…" : "Show more"}
      </Button>
    </div>
  );
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
