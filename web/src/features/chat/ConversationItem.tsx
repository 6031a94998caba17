import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { isActiveState, useActivity } from "@/api/activityStore";
import { activeRunId, conversationTitle, renameConversation } from "@/api/conversationService";
import type { Conversation } from "@/api/types";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { MoreIcon, PencilIcon, TrashIcon } from "@/ui/icons";
import { Menu } from "@/ui/Menu";
import { exactTime, narrowTime } from "@/util/time";
import { RenameConversation } from "./RenameConversation";

/** A line of the list: opens its conversation, and has a menu to change it. */
export function ConversationItem({
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
  const link = useRef<HTMLAnchorElement>(null);
  const focusLink = useRef(false);
  useEffect(() => {
    if (renaming || !focusLink.current) return;
    focusLink.current = false;
    link.current?.focus();
  }, [renaming]);
  const id = conversation.conversation_id;
  const title = conversationTitle(conversation);
  const run = useActivity(({ runs }) => runs[id]);
  const asks = (run ?? conversation.active_run)?.state === "awaiting_approval";
  const running = run ? isActiveState(run.state) : activeRunId(conversation) !== null;

  if (renaming) {
    return (
      <li>
        <RenameConversation
          title={title}
          onDone={(byKey) => {
            focusLink.current = byKey;
            setRenaming(false);
          }}
          onSave={(next) => renameConversation(id, next)}
        />
      </li>
    );
  }
  return (
    <li className={cx("group/item relative rounded-control", current ? "bg-selected" : "hover:bg-hover")}>
      <Link
        ref={link}
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
