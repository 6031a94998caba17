import { useActivity } from "@/api/activityStore";
import { dismissTaken, useTaken } from "@/api/otherTab";
import type { User } from "@/api/types";
import { useVersion } from "@/api/version";
import { useWritable } from "@/api/writable";
import { Button } from "@/ui/Button";
import { useDelayed } from "@/util/useDelayed";

/** What concerns the whole page. It floats, so that nothing moves when it comes and goes. */
export function Banner({ user }: { user: User }) {
  const away = useActivity(({ connection }) => connection !== "open");
  const late = useDelayed(away, 1_200);
  const writable = useWritable((state) => state.writable);
  const taken = useTaken((state) => state.taken);
  const upgraded = useVersion((state) => state.upgraded);
  return (
    <div className="pointer-events-none absolute inset-x-0 top-14 z-1 flex flex-col items-center gap-2 px-4">
      <div role="status" className="flex flex-col items-center gap-2">
        {/* One at a time: either way messages wait, and this is the longer trouble. */}
        {writable ? (
          late && <Trouble words="Reconnecting…" />
        ) : (
          <Trouble words="The server can’t store anything now." />
        )}
        {taken?.userId === user.id && (
          <div className="pointer-events-auto flex max-w-measure animate-appear items-center gap-3 rounded-panel border border-line bg-raised py-1 ps-4 pe-1 text-sm shadow-float">
            <p className="min-w-0 py-1 [overflow-wrap:anywhere]">
              You were signed in as {taken.name} in another tab.
              {taken.kept && (
                <span className="text-muted"> What had not been sent is kept with the other account.</span>
              )}
            </p>
            <Button className="h-8! rounded-full! touch:h-10!" onClick={dismissTaken}>
              Dismiss
            </Button>
          </div>
        )}
      </div>
      {upgraded && (
        <div className="pointer-events-auto flex animate-appear items-center gap-3 rounded-full border border-line bg-raised py-1 ps-4 pe-1 text-sm shadow-float">
          Reload: a new version is running
          <Button kind="primary" className="h-8! rounded-full!" onClick={() => location.reload()}>
            Reload
          </Button>
        </div>
      )}
    </div>
  );
}

function Trouble({ words }: { words: string }) {
  return (
    <p className="pointer-events-auto flex animate-appear items-center gap-2.5 rounded-full border border-line bg-raised py-1.5 ps-3.5 pe-4 text-sm shadow-float">
      <span aria-hidden="true" className="size-2 shrink-0 animate-quiet rounded-full bg-warning" />
      <span>
        {words}
        <span className="text-muted max-sm:hidden"> Messages you send will wait.</span>
      </span>
    </p>
  );
}
