import { useEffect, useRef } from "react";
import { Button } from "@/ui/Button";

/** Fetches the next page when it comes into view; the button is for keyboards and screen readers. */
export function MoreConversations({ busy, onMore }: { busy: boolean; onMore: () => void }) {
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
