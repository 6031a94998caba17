import { useEffect, useEffectEvent, useRef } from "react";
import { Button } from "@/ui/Button";

/**
 * Fetches the next page when it comes into view; the button is for keyboards and screen readers. After
 * a page that could not be had only the button does: its place stays in view, and would ask at once.
 */
export function MoreConversations({
  busy,
  failed,
  onMore,
}: {
  busy: boolean;
  failed: boolean;
  onMore: () => void;
}) {
  const mark = useRef<HTMLDivElement>(null);
  const onSeen = useEffectEvent(onMore);
  useEffect(() => {
    const element = mark.current;
    if (!element || busy || failed) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && onSeen(), {
      rootMargin: "300px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [busy, failed]);
  return (
    <div ref={mark} className="pt-2">
      {failed && !busy && (
        <p role="alert" className="px-2 pb-1 text-muted text-sm">
          Older conversations could not be loaded.
        </p>
      )}
      <Button kind="quiet" busy={busy} className="w-full text-muted" onClick={onMore}>
        {busy ? "Loading…" : failed ? "Try again" : "Show more"}
      </Button>
    </div>
  );
}
