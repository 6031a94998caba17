import { useQuery } from "@tanstack/react-query";
import { type ReactNode, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useActivity } from "@/api/activityStore";
import { approvalsQuery, type DecisionOutcome, decide } from "@/api/approvals";
import { type CallOutcome, decideCall } from "@/api/calls";
import {
  conversationQuery,
  conversationTitle,
  deleteConversation,
  messagesQuery,
} from "@/api/conversationService";
import { regenerate, stopRun, watchConversation } from "@/api/live";
import { outbox, useOutbox, type Waiting } from "@/api/outbox";
import { permissionsQuery } from "@/api/permissions";
import { ApiError, errorText } from "@/api/problem";
import { sendMessage } from "@/api/sending";
import type { Approval, CallDecision, Decision, Message, Scope, User } from "@/api/types";
import { Button, IconButton } from "@/ui/Button";
import { ShieldIcon, TrashIcon } from "@/ui/icons";
import { Notice } from "@/ui/Notice";
import { Skeleton } from "@/ui/Skeleton";
import { part } from "@/util/part";
import { useDelayed } from "@/util/useDelayed";
import { restoreDraft, useDraft } from "./drafts";
import { EmptyState } from "./EmptyState";
import { MessageInput, type MessageInputHandle } from "./MessageInput";
import { MissingModel, ModelPicker } from "./ModelPicker";
import { useChatKeys } from "./useChatKeys";
import { useModelChoice } from "./useModelChoice";
import { useQueue } from "./useQueue";
import { useRun } from "./useRun";

// Markdown and the list make a third of the page's code, and an empty conversation needs neither.
const MessageList = part(() => import("./MessageList"));
const ConfirmDialog = part(() => import("@/ui/ConfirmDialog"));
const PermissionsDialog = part(() => import("./PermissionsDialog"));
const ConnectModelDialog = part(() => import("./ConnectModelDialog"));

export const prefetchMessages = MessageList.prefetch;

/** What there is to say when a decision came too late. */
const TOO_LATE: Record<Exclude<DecisionOutcome, "taken">, string> = {
  "decided-before": "This call had been decided already, perhaps on another device. It stays as it was.",
  changed: "The call has changed since it was shown. Nothing was decided: please look at it again.",
  gone: "This call no longer waits for a decision.",
};

const NOT_TAKEN: Record<Exclude<CallOutcome, "taken">, string> = {
  "decided-before": "It had been said already, perhaps on another device. It stays as it was.",
  busy: "An answer is going on in this conversation. Try again when it has ended.",
  unavailable: "This tool can't be used here any more. You can still say whether it happened.",
  gone: "This call is not here any more.",
};

const SAID: Record<CallDecision, string> = {
  retry: "The call is made once more",
  happened: "Noted: it happened",
  did_not_happen: "Noted: it did not happen",
};

const NOTHING = { messages: [], hasOlder: false, queued: [] };

export function ChatPage({
  conversationId,
  user,
  leading,
  trailing,
  onOpenConversation,
  onNewConversation,
}: {
  conversationId: string | null;
  user: User;
  /** Controls of the frame, at both ends of the header. */
  leading: ReactNode;
  trailing: ReactNode;
  onOpenConversation: (id: string) => void;
  onNewConversation: () => void;
}) {
  const input = useRef<MessageInputHandle>(null);
  const picker = useRef<HTMLButtonElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [note, setNote] = useState<string | null>(null);
  const [explaining, setExplaining] = useState(false);
  const [deleting, setDeleting] = useState(false);
  const [permitting, setPermitting] = useState(false);
  const [said, setSaid] = useState("");
  const [draft, setDraft] = useDraft(user.id, conversationId);

  const { data: conversation } = useQuery({
    ...conversationQuery(conversationId ?? ""),
    enabled: conversationId !== null,
  });
  const history = useQuery({ ...messagesQuery(conversationId ?? ""), enabled: conversationId !== null });
  const branch = (conversationId && history.data) || NOTHING;
  const allWaiting = useOutbox(({ waiting }) => waiting);
  const [begun, setBegun] = useState<Waiting | null>(null);
  const waiting = allWaiting.filter((entry) => entry.conversation_id === conversationId);
  // Until its conversation is open, a first message stays where it is: the empty page would blink up.
  if (begun && conversationId === null) waiting.push(begun);
  const { run, activeId } = useRun(conversationId, conversation, branch.messages);
  const { data: asking } = useQuery(approvalsQuery);
  const approvals = useMemo(
    () => asking?.filter(({ conversation_id }) => conversation_id === conversationId) ?? [],
    [asking, conversationId],
  );
  const { data: permissions } = useQuery({
    ...permissionsQuery(conversationId ?? ""),
    enabled: conversationId !== null && conversation !== undefined,
  });
  const choice = useModelChoice(conversationId, conversation);
  const { models, model } = choice;

  useEffect(() => {
    if (conversationId) return watchConversation(conversationId);
  }, [conversationId]);

  // The input is ready where a keyboard is; on touch it would only raise the keyboard.
  // biome-ignore lint/correctness/useExhaustiveDependencies: for each conversation that is opened
  useEffect(() => {
    setBegun(null);
    setProblem(null);
    setNote(null);
    setSaid("");
    setPermitting(false);
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
  }, [conversationId]);

  useEffect(
    () =>
      outbox.onAcknowledged((entry, id) => {
        if (entry.conversation_id !== null || conversationId !== null) return;
        setBegun(entry);
        onOpenConversation(id);
      }),
    [conversationId, onOpenConversation],
  );

  const refused = useOutbox(({ refused: all }) =>
    all.find((entry) => entry.conversation_id === conversationId),
  );
  useEffect(() => {
    if (!refused) return;
    restoreDraft(user.id, conversationId, refused.content);
    setProblem(refused.reason);
    outbox.dismiss(refused.client_message_id);
  }, [refused, user.id, conversationId]);

  const attempt = useCallback(async (action: () => Promise<void>) => {
    setProblem(null);
    await action().catch((error: unknown) => setProblem(errorText(error)));
  }, []);

  const onDecide = useCallback(async (approval: Approval, decision: Decision, scope: Scope) => {
    setNote(null);
    const outcome = await decide(approval, decision, scope);
    if (outcome !== "taken") setNote(TOO_LATE[outcome]);
  }, []);

  const onCallDecide = useCallback(async (call: Message, decision: CallDecision) => {
    setNote(null);
    const callId = call.additional_data?.call_id ?? "";
    const outcome = await decideCall(call.conversation_id, callId, decision);
    if (outcome !== "taken") {
      setNote(NOT_TAKEN[outcome]);
      return false;
    }
    setSaid(SAID[decision]);
    // The button that had the focus goes with its card.
    if (matchMedia("(hover: hover)").matches) input.current?.focus();
    return true;
  }, []);

  const queue = useQueue({
    userId: user.id,
    queued: branch.queued,
    attempt,
    onLate: () => setNote("That message is no longer queued. Your changes to it are in the input."),
    onRemoved: () => input.current?.focus(),
  });

  const modelId = choice.id;
  const say = useCallback(
    (content: string, on_busy: "enqueue" | "interrupt" = "enqueue") => {
      setProblem(null);
      setNote(null);
      sendMessage({ content, conversation_id: conversationId, model: modelId, on_busy });
    },
    [conversationId, modelId],
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
  const explain = useCallback(() => setExplaining(true), []);
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
      <header className="flex h-13 shrink-0 items-center gap-1 px-3">
        {leading}
        <h1 className="min-w-0 flex-1 truncate px-2 font-medium" dir="auto">
          {conversationId ? conversation ? title : "" : <span className="sr-only">New conversation</span>}
        </h1>
        {models && (
          <ModelPicker
            models={models}
            value={choice.id ?? model?.id ?? null}
            onOpen={choice.refresh}
            onChange={choice.choose}
            onExplainModel={explain}
            button={picker}
          />
        )}
        {conversation && permissions && permissions.length > 0 && (
          <IconButton label="Tools allowed in this conversation" onClick={() => setPermitting(true)}>
            <ShieldIcon width={18} height={18} />
          </IconButton>
        )}
        {conversation && conversationId && (
          <IconButton label="Delete conversation" className="max-sm:hidden" onClick={() => setDeleting(true)}>
            <TrashIcon width={18} height={18} />
          </IconButton>
        )}
        {trailing}
      </header>

      {missing ? (
        <NotFound onNewConversation={onNewConversation} />
      ) : isEmpty ? (
        <EmptyState
          name={user.full_name}
          model={model}
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
            modelLabel={model?.label ?? choice.id}
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
          <div aria-live="polite">
            {choice.missing && choice.id && (
              <MissingModel id={choice.id} onChoose={() => picker.current?.click()} />
            )}
            {note && <Dismissible tone="plain" text={note} onDismiss={() => setNote(null)} />}
          </div>
          {problem && <Dismissible tone="danger" text={problem} onDismiss={() => setProblem(null)} />}
          <MessageInput
            value={draft}
            onChange={setDraft}
            onSend={(content) => send(content)}
            onInterrupt={(content) => send(content, "interrupt")}
            onStop={stop}
            onRecall={recall}
            busy={activeId !== null}
            blocked={waiting.length > 0}
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
        {said}
      </div>
      <Suspense>
        {permitting && conversationId && (
          <PermissionsDialog conversationId={conversationId} onClose={() => setPermitting(false)} />
        )}
        {explaining && <ConnectModelDialog onClose={() => setExplaining(false)} />}
        {deleting && conversationId && (
          <ConfirmDialog
            onClose={() => setDeleting(false)}
            title="Delete this conversation?"
            action="Delete conversation"
            onConfirm={() => deleteConversation(conversationId).then(onNewConversation)}
          >
            “{title}” and all its messages will be gone for good.
          </ConfirmDialog>
        )}
      </Suspense>
    </main>
  );
}

function Dismissible({
  tone,
  text,
  onDismiss,
}: {
  tone: "plain" | "danger";
  text: string;
  onDismiss: () => void;
}) {
  return (
    <Notice tone={tone} className="mb-2 flex items-start justify-between gap-3">
      <span>{text}</span>
      <button type="button" className="font-medium underline" onClick={onDismiss}>
        Dismiss
      </button>
    </Notice>
  );
}

/** Tells screen readers when an answer begins, waits and ends, never each word of it. */
function Announcer({
  asks,
  doubts,
  active,
  outcome,
  queued,
  conversationId,
}: {
  asks: boolean;
  /** Of a call in the messages nobody knows whether it happened. */
  doubts: boolean;
  active: boolean;
  outcome: string | undefined;
  queued: number;
  conversationId: string | null;
}) {
  const [words, setWords] = useState("");
  const was = useRef({ asks: false, active: false, queued, conversationId });
  useEffect(() => {
    const before = was.current;
    was.current = { asks, active, queued, conversationId };
    // Looking at another conversation is not news of this one.
    if (before.conversationId !== conversationId && before.conversationId !== null) setWords("");
    else if (active && queued > before.queued)
      setWords(queued > 1 ? `${queued} messages queued` : "Message queued");
    else if (asks && !before.asks) setWords("The assistant asks for your approval");
    else if (active && !asks && before.asks) setWords("Answering");
    else if (active && !before.active) setWords("Answering");
    else if (!active && before.active) {
      const ends: Record<string, string> = { failed: "Answer failed", cancelled: "Answer stopped" };
      const end = ends[outcome ?? ""] ?? "Answer ready";
      setWords(doubts ? `${end}. Nobody knows whether a call happened` : end);
    }
  }, [asks, doubts, active, outcome, queued, conversationId]);
  return (
    <div aria-live="polite" className="sr-only">
      {words}
    </div>
  );
}

function hasDoubts(messages: Message[]): boolean {
  const unknown = messages.filter(({ tool_success }) => tool_success === "unknown");
  const calls = new Set(unknown.map(({ additional_data }) => additional_data?.call_id));
  return messages.some(
    ({ message_type, additional_data: data }) =>
      message_type === "tool_call" && calls.has(data?.call_id) && !data?.decision,
  );
}

function Loading() {
  const late = useDelayed(true, 200);
  return (
    <div className="mx-auto w-full max-w-measure flex-1 space-y-8 px-4 pt-6" aria-busy="true">
      {late && (
        <>
          <Skeleton className="ms-auto h-11 w-1/2 rounded-panel!" />
          <div className="space-y-3">
            <Skeleton />
            <Skeleton className="w-11/12" />
            <Skeleton className="w-2/3" />
          </div>
        </>
      )}
    </div>
  );
}

function NotFound({ onNewConversation }: { onNewConversation: () => void }) {
  return (
    <div className="m-auto max-w-sm px-4 text-center">
      <h2 className="font-semibold text-xl">This conversation is not here</h2>
      <p className="mt-2 text-muted">It may have been deleted, or it belongs to another account.</p>
      <Button kind="primary" className="mt-6" onClick={onNewConversation}>
        Start a new one
      </Button>
    </div>
  );
}

function LoadFailed({ reason, onRetry }: { reason: string; onRetry: () => void }) {
  const connection = useActivity((state) => state.connection);
  // As soon as the server is back, so is the conversation.
  useEffect(() => {
    if (connection === "open") onRetry();
  }, [connection, onRetry]);
  return (
    <div className="m-auto max-w-sm px-4 text-center">
      <h2 className="font-semibold text-xl">The messages could not be loaded</h2>
      <p className="mt-2 text-muted">{reason}</p>
      <Button className="mt-6" onClick={onRetry}>
        Try again
      </Button>
    </div>
  );
}
