import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from "react";
import { useActivity } from "@/api/activityStore";
import { forgetOlder } from "@/api/conversationService";
import type { RunData } from "@/api/frames";
import type { Branch } from "@/api/messageList";
import { outbox, type Waiting } from "@/api/outbox";
import { useStreams } from "@/api/streamStore";
import type { Approval, Message } from "@/api/types";
import { cx } from "@/ui/cx";
import { DownIcon } from "@/ui/icons";
import { useDelayed } from "@/util/useDelayed";
import { ApprovalCard, type OnDecide } from "./ApprovalCard";
import { MessageItem, WaitingMessage } from "./MessageItem";
import { OlderFailed } from "./OlderFailed";
import { QueuedMessage } from "./QueuedMessage";
import { estimate, measure } from "./rowHeights";
import { buildRows, type Row } from "./rows";
import { StatusRow } from "./StatusRow";
import { ToolCard } from "./ToolCard";
import { type OnCallDecide, UnknownCard } from "./UnknownCard";
import { useFollow } from "./useFollow";
import { useOlder, useOlderWhenNear } from "./useOlder";
import type { Queue } from "./useQueue";

/** Rows from the top at which older messages are fetched. */
const LOAD_AHEAD = 6;
/** More messages than this are not kept by who is back at the end, but so many. */
const MANY = 400;
const KEPT = 150;

export default function MessageList({
  conversationId,
  branch,
  waiting,
  approvals,
  run,
  active,
  modelLabel,
  queue,
  onRetry,
  onGoOn,
  onDecide,
  onCallDecide,
  onExplainModel,
}: {
  conversationId: string | null;
  branch: Branch;
  waiting: Waiting[];
  approvals: Approval[];
  run: RunData | undefined;
  active: boolean;
  modelLabel: string | null;
  queue: Queue;
  onRetry: (message: Message) => void;
  onGoOn: () => void;
  onDecide: OnDecide;
  onCallDecide: OnCallDecide;
  onExplainModel: () => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const phase = useActivity(({ phases }) => (conversationId ? phases[conversationId] : undefined));
  const offline = useActivity(({ connection }) => connection !== "open");
  const speaking = useStreams(({ texts }) =>
    Object.keys(texts)
      .filter((id) => texts[Number(id)]?.text || texts[Number(id)]?.reasoning)
      .join(),
  );
  const older = useOlder(conversationId);
  const olderFailed = older.failed && branch.hasOlder;

  const rows = useMemo(() => {
    const streaming = new Set(speaking.split(","));
    return buildRows(branch.messages, waiting, {
      active,
      approvals,
      queued: branch.queued,
      olderFailed,
      hasText: ({ id, content }) => content !== "" || streaming.has(String(id)),
    });
  }, [branch.messages, branch.queued, waiting, approvals, active, speaking, olderFailed]);

  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => estimate(rows[index]),
    measureElement: measure,
    getItemKey: useCallback((index: number) => rows[index]?.key ?? index, [rows]),
    overscan: 6,
    gap: 16,
    paddingStart: 24,
    paddingEnd: 24,
    // Older messages come in above without moving what is being read.
    anchorTo: "end",
  });
  const { far, toEnd, handlers } = useFollow(scroller, list.getTotalSize());

  // What one says oneself is always shown.
  const lastWaiting = waiting.findLast(outbox.isOurs)?.client_message_id;
  useLayoutEffect(() => {
    if (lastWaiting) toEnd();
  }, [lastWaiting, toEnd]);

  const items = list.getVirtualItems();
  const first = items[0]?.index ?? 0;
  // Until it has heard of its first scroll, to the end, the list takes itself to be at its beginning.
  const top = list.scrollElement?.scrollTop ?? Number.POSITIVE_INFINITY;
  const settled = Math.abs(top - (list.scrollOffset ?? 0)) <= 1;
  useOlderWhenNear(older.ask, branch, rows.length > 0 && first < LOAD_AHEAD && settled);

  const backAtEnd = branch.messages.length > MANY && items.at(-1)?.index === rows.length - 1;
  useEffect(() => {
    if (backAtEnd && conversationId) forgetOlder(conversationId, KEPT);
  }, [backAtEnd, conversationId]);

  const late = useDelayed(waiting.length > 0, 1_500);
  // The row before the one that says what goes on.
  const previous = rows[rows.findLastIndex(({ kind }) => kind === "status") - 1];
  const writing =
    previous?.kind === "message" &&
    previous.message.role === "assistant" &&
    previous.message.status === "streaming";
  const lastSaid = rows.findLastIndex(({ kind }) => kind === "message");
  const usingTool = previous?.kind === "tool" && previous.result === null;

  return (
    <div className="relative min-h-0 flex-1">
      <section
        ref={scroller}
        aria-label="Messages"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        tabIndex={0}
        {...handlers}
        className="@container h-full overflow-y-auto overflow-x-hidden overscroll-contain [overflow-anchor:none] -outline-offset-2"
      >
        <div className="relative w-full" style={{ height: list.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div
                key={item.key}
                data-index={item.index}
                ref={list.measureElement}
                className={cx("absolute inset-x-0 top-0", isLatest(rows, item.index) && "latest")}
                style={{ transform: `translateY(${item.start}px)` }}
              >
                <div className="mx-auto w-full max-w-measure px-4 @min-[48rem]:px-0">
                  {row.kind === "message" && (
                    <MessageItem
                      message={row.message}
                      endsTurn={row.endsTurn}
                      onRetry={item.index === lastSaid ? onRetry : null}
                      onGoOn={isLatest(rows, item.index) ? onGoOn : null}
                      onExplainModel={onExplainModel}
                    />
                  )}
                  {row.kind === "tool" && <ToolCard call={row.call} result={row.result} />}
                  {row.kind === "approval" && <ApprovalCard approval={row.approval} onDecide={onDecide} />}
                  {row.kind === "unknown" && (
                    <UnknownCard call={row.call} result={row.result} busy={active} onDecide={onCallDecide} />
                  )}
                  {row.kind === "waiting" && <WaitingMessage entry={row.entry} late={late || offline} />}
                  {row.kind === "queued" && <QueuedMessage message={row.message} queue={queue} />}
                  {row.kind === "older" && <OlderFailed onRetry={older.ask} />}
                  {row.kind === "omitted" && <Omitted />}
                  {row.kind === "status" && (
                    <StatusRow
                      asks={approvals.length > 0}
                      run={run}
                      phase={phase}
                      writing={writing || usingTool}
                      subject={modelLabel}
                    />
                  )}
                </div>
              </div>
            );
          })}
        </div>
      </section>
      {far && (
        <button
          type="button"
          onClick={toEnd}
          className="absolute bottom-3 left-1/2 inline-flex h-9 -translate-x-1/2 animate-appear items-center gap-1.5 rounded-full border border-line bg-raised ps-3 pe-4 text-sm shadow-float hover:bg-panel touch:h-10"
        >
          <DownIcon width={16} height={16} />
          To the latest
        </button>
      )}
    </div>
  );
}

function isLatest(rows: Row[], index: number): boolean {
  const row = rows[index];
  return index === rows.length - 1 && row?.kind === "message" && row.message.role === "assistant";
}

function Omitted() {
  return (
    <div className="flex items-center gap-3 py-1 text-muted text-sm">
      <span className="h-px flex-1 bg-line" />
      Earlier messages were not sent to the model
      <span className="h-px flex-1 bg-line" />
    </div>
  );
}
