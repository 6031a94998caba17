import { useActivity } from "@/api/activityStore";
import { useVersion } from "@/api/version";
import { Button } from "@/ui/Button";
import { useDelayed } from "@/util/useDelayed";

/** What concerns the whole page. It floats, so that nothing moves when it comes and goes. */
export function Banner() {
  const away = useActivity(({ connection }) => connection !== "open");
  const late = useDelayed(away, 1_200);
  const upgraded = useVersion((state) => state.upgraded);
  return (
    <div className="pointer-events-none absolute inset-x-0 top-14 z-1 flex flex-col items-center gap-2 px-4">
      <div role="status">
        {late && (
          <p className="pointer-events-auto flex animate-appear items-center gap-2.5 rounded-full border border-line bg-raised py-1.5 ps-3.5 pe-4 text-sm shadow-float">
            <span aria-hidden="true" className="size-2 animate-quiet rounded-full bg-warning" />
            <span>
              Reconnecting…<span className="text-muted max-sm:hidden"> Messages you send will wait.</span>
            </span>
          </p>
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
