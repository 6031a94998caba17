import { useEffect, useEffectEvent, useRef } from "react";
import { useActivity } from "@/api/activityStore";
import { useOutbox } from "@/api/outbox";
import { Button } from "@/ui/Button";
import { Skeleton } from "@/ui/Skeleton";
import { useDelayed } from "@/util/useDelayed";

// What stands where the messages of a conversation are not, or not yet.

export function Loading() {
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

export function NotFound({ onNewConversation }: { onNewConversation: () => void }) {
  const kept = useOutbox(({ refused }) => refused.some(({ conversation_id }) => conversation_id === null));
  return (
    <div className="m-auto max-w-sm px-4 text-center">
      <h2 className="font-semibold text-xl">This conversation is not here</h2>
      <p className="mt-2 text-muted">It may have been deleted, or it belongs to another account.</p>
      {kept && <p className="mt-2">What you wrote is in the input of a new one.</p>}
      <Button kind="primary" className="mt-6" onClick={onNewConversation}>
        Start a new one
      </Button>
    </div>
  );
}

export function LoadFailed({ reason, onRetry }: { reason: string; onRetry: () => void }) {
  const connection = useActivity((state) => state.connection);
  const retry = useEffectEvent(onRetry);
  const before = useRef(connection);
  // As soon as the server is back, so is the conversation. One that is there and says no is not asked
  // over and over.
  useEffect(() => {
    if (connection === "open" && before.current !== "open") retry();
    before.current = connection;
  }, [connection]);
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
