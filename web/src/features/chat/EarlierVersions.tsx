import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { chatApi } from "@/api/chatApi";
import { errorText } from "@/api/problem";
import { keys } from "@/api/queryClient";
import type { Message } from "@/api/types";
import { ChevronIcon } from "@/ui/icons";
import { exactTime, shortTime } from "@/util/time";
import { useDelayed } from "@/util/useDelayed";

/** What an answer said before its text began again, after a restart that it could not go on from. */
export function EarlierVersions({ message }: { message: Message }) {
  const { conversation_id, id, revision } = message;
  const [open, setOpen] = useState(false);
  const { data, error, isLoading } = useQuery({
    queryKey: keys.revisions(conversation_id, id, revision),
    queryFn: () => chatApi.revisions(conversation_id, id),
    enabled: open,
  });
  const late = useDelayed(isLoading, 400);
  return (
    <details
      className="group/earlier text-muted text-sm"
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className="flex w-fit list-none items-center gap-1 rounded-control py-1 pe-2 hover:text-text touch:min-h-10">
        <ChevronIcon
          width={16}
          height={16}
          className="-rotate-90 group-open/earlier:rotate-0 rtl:rotate-90"
        />
        {revision > 2 ? "Earlier versions" : "Earlier version"}
      </summary>
      {late && <p role="status">Loading…</p>}
      {error && <p role="alert">{errorText(error)}</p>}
      {data?.map((earlier) => (
        <section key={earlier.revision} aria-label={`Version ${earlier.revision}`} className="mb-2">
          <p>
            Written until{" "}
            <time dateTime={earlier.superseded_at} title={exactTime(earlier.superseded_at)}>
              {shortTime(earlier.superseded_at)}
            </time>
            , then begun again
          </p>
          <div
            dir="auto"
            className="whitespace-pre-wrap border-line border-s-2 ps-4 [overflow-wrap:anywhere]"
          >
            {earlier.content || "Nothing had been written yet."}
          </div>
        </section>
      ))}
    </details>
  );
}
