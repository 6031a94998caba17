import { type ReactNode, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { conversationTitle } from "@/api/conversationService";
import { useDraft } from "@/api/drafts";
import { regenerate } from "@/api/live";
import { outbox } from "@/api/outbox";
import { ApiError, errorText } from "@/api/problem";
import { sendMessage } from "@/api/sending";
import { stopRun } from "@/api/stopping";
import type { Message, User } from "@/api/types";
import { part } from "@/util/part";
import { Announcer, hasDoubts } from "./Announcer";
import { type ChatDialog, ChatDialogs } from "./ChatDialogs";
import { ChatHeader } from "./ChatHeader";
import { ChatNotices } from "./ChatNotices";
import { EmptyState } from "./EmptyState";
import { LoadFailed, Loading, NotFound } from "./InsteadOfMessages";
import { MessageInput, type MessageInputHandle } from "./MessageInput";
import { useChatKeys } from "./useChatKeys";
import { useDecisions } from "./useDecisions";
import { useModelChoice } from "./useModelChoice";
import { useNotices } from "./useNotices";
import { useOpenConversation } from "./useOpenConversation";
import { useOutgoing } from "./useOutgoing";
import { useQueue } from "./useQueue";

// Markdown and the list make a third of the page's code, and an empty conversation needs neither.
const MessageList = part(() => import("./MessageList"));

export const prefetchMessages = MessageList.prefetch;

export function ChatPage({
  conversationId,
  user,
  leading,
  trailing,
  onOpenConversation,
  onNewConversation,
  onDeleted,
}: {
  conversationId: string | null;
  user: User;
  /** Controls of the frame, at both ends of the header. */
  leading: ReactNode;
  trailing: ReactNode;
  onOpenConversation: (id: string) => void;
  onNewConversation: () => void;
  /** Another conversation may be open by then. */
  onDeleted: (id: string) => void;
}) {
  const input = useRef<MessageInputHandle>(null);
  const picker = useRef<HTMLButtonElement>(null);
  const [dialog, setDialog] = useState<ChatDialog | null>(null);
  const [draft, setDraft] = useDraft(user.id, conversationId);
  const notices = useNotices(conversationId);
  const { setProblem, setNote, attempt } = notices;
  const { conversation, history, branch, approvals, permissions, run, activeId } =
    useOpenConversation(conversationId);
  const choice = useModelChoice(conversationId, conversation);
  const waiting = useOutgoing({ userId: user.id, conversationId, onRefused: setProblem, onOpenConversation });
  const { onDecide, onCallDecide } = useDecisions(notices, input);
  const queue = useQueue({
    userId: user.id,
    conversationId,
    queued: branch.queued,
    attempt,
    onLate: () => setNote("That message is no longer queued. Your changes to it are in the input."),
    onRemoved: () => input.current?.focus(),
  });

  // The input is ready where a keyboard is; on touch it would only raise the keyboard.
  // biome-ignore lint/correctness/useExhaustiveDependencies: for each conversation that is opened
  useEffect(() => {
    // A dialog about a conversation goes with it.
    setDialog((open) => (open === "model" ? open : null));
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
  }, [conversationId]);

  const modelId = choice.id;
  const say = useCallback(
    (content: string, on_busy: "enqueue" | "interrupt" = "enqueue") => {
      setProblem(null);
      setNote(null);
      sendMessage({ content, conversation_id: conversationId, model: modelId, on_busy });
    },
    [conversationId, modelId, setProblem, setNote],
  );
  const send = (content: string, on_busy?: "interrupt") => {
    setDraft("");
    say(content, on_busy);
  };
  // A draft that waits in the input stays there.
  const goOn = useCallback(() => say("Go on."), [say]);
  const stop = () => {
    if (activeId && conversationId) void attempt(() => stopRun(activeId, conversationId));
  };
  const retry = useCallback(
    (message: Message) => void attempt(() => regenerate(message.conversation_id, message.id)),
    [attempt],
  );
  /** One that waits is changed where it stands; one that was answered is written anew, and stays. */
  const recall = () => {
    const last = branch.queued.at(-1);
    const said = branch.messages.findLast(({ role }) => role === "user");
    if (last) queue.onEdit({ message: last, text: last.content });
    else if (said) setDraft(said.content);
  };
  const explain = useCallback(() => setDialog("model"), []);
  useChatKeys({
    onFocusInput: () => input.current?.focus(),
    onStop: activeId ? stop : null,
    onNewConversation,
  });

  const missing = history.error instanceof ApiError && history.error.status === 404;
  const isEmpty = conversationId === null && waiting.length === 0;
  const title = conversation ? conversationTitle(conversation) : "New conversation";
  useEffect(() => {
    document.title = conversationId && conversation ? `${title} · Rejoinder` : "Rejoinder";
  }, [title, conversationId, conversation]);

  return (
    <main className="flex h-full min-w-0 flex-1 flex-col">
      <ChatHeader
        title={conversationId && (conversation ? title : "")}
        choice={choice}
        picker={picker}
        hasPermissions={conversation !== undefined && permissions !== undefined && permissions.length > 0}
        deletable={conversationId !== null && conversation !== undefined}
        onOpen={setDialog}
        leading={leading}
        trailing={trailing}
      />

      {missing ? (
        <NotFound onNewConversation={onNewConversation} />
      ) : isEmpty ? (
        <EmptyState
          name={user.full_name}
          model={choice.model}
          onPick={(content) => send(content)}
          onExplainModel={explain}
        />
      ) : history.isError && !history.data ? (
        <LoadFailed reason={errorText(history.error)} onRetry={() => void history.refetch()} />
      ) : conversationId && !history.data ? (
        <Loading />
      ) : (
        <Suspense fallback={<Loading />}>
          <MessageList
            key={conversationId}
            conversationId={conversationId}
            branch={branch}
            waiting={waiting}
            approvals={approvals}
            run={run}
            active={activeId !== null}
            modelLabel={choice.model?.label ?? choice.id}
            queue={queue}
            onRetry={retry}
            onGoOn={goOn}
            onDecide={onDecide}
            onCallDecide={onCallDecide}
            onExplainModel={explain}
          />
        </Suspense>
      )}

      {!missing && (
        <div className="mx-auto w-full max-w-[46rem] shrink-0 px-4 pt-2 pb-[max(1rem,env(safe-area-inset-bottom))]">
          <ChatNotices notices={notices} choice={choice} onChooseModel={() => picker.current?.click()} />
          <MessageInput
            value={draft}
            onChange={setDraft}
            onSend={(content) => send(content)}
            onInterrupt={(content) => send(content, "interrupt")}
            onStop={stop}
            onRecall={recall}
            busy={activeId !== null}
            blocked={waiting.some(outbox.isOurs)}
            handle={input}
          />
        </div>
      )}

      <Announcer
        asks={approvals.length > 0}
        doubts={hasDoubts(branch.messages)}
        active={activeId !== null}
        outcome={run?.state}
        queued={branch.queued.length}
        conversationId={conversationId}
      />
      <div aria-live="polite" className="sr-only">
        {notices.said}
      </div>
      <ChatDialogs
        open={dialog}
        conversationId={conversationId}
        title={title}
        onClose={() => setDialog(null)}
        onDeleted={onDeleted}
      />
    </main>
  );
}
