import { useLayoutEffect, useRef, useState } from "react";
import { Button } from "@/ui/Button";

/** Stands above the messages where those before them could not be had. */
export function OlderFailed({ onRetry }: { onRetry: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  const row = useRef<HTMLDivElement>(null);
  // Who pressed the button by keyboard goes on in the list when it gives way to the messages.
  useLayoutEffect(() => {
    const element = row.current;
    return () => {
      if (element?.contains(document.activeElement)) {
        element.closest("section")?.focus({ preventScroll: true });
      }
    };
  }, []);
  return (
    <div ref={row} className="flex flex-wrap items-center justify-center gap-x-3 text-muted text-sm">
      <p role="alert">Older messages could not be loaded.</p>
      <Button
        kind="quiet"
        // Not disabled: that would take the focus away.
        aria-busy={busy || undefined}
        onClick={() => {
          setBusy(true);
          void onRetry().finally(() => setBusy(false));
        }}
      >
        {busy ? "Loading…" : "Try again"}
      </Button>
    </div>
  );
}
