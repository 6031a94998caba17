import type { ReactNode } from "react";
import { cx } from "./cx";

const TONES = {
  danger: "bg-danger-bg text-danger",
  warning: "bg-warning-bg text-warning",
  plain: "bg-bubble text-muted",
};

/** A short statement about something that needs attention; errors are announced. */
export function Notice({
  tone,
  className,
  children,
}: {
  tone: keyof typeof TONES;
  className?: string;
  children: ReactNode;
}) {
  return (
    <div
      role={tone === "danger" ? "alert" : undefined}
      className={cx(
        "animate-appear rounded-control px-3 py-2 text-sm [overflow-wrap:anywhere]",
        TONES[tone],
        className,
      )}
    >
      {children}
    </div>
  );
}
