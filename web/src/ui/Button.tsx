import type { ComponentProps } from "react";
import { cx } from "./cx";

type Kind = "primary" | "plain" | "quiet" | "danger";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  plain: "border border-control/70 bg-raised hover:bg-hover",
  quiet: "hover:bg-hover",
  danger: "bg-danger text-bg hover:opacity-90",
};

export function Button({
  kind = "plain",
  busy = false,
  className,
  disabled,
  type = "button",
  ...props
}: ComponentProps<"button"> & { kind?: Kind; busy?: boolean }) {
  return (
    <button
      type={type}
      disabled={disabled || busy}
      aria-busy={busy || undefined}
      className={cx(
        "inline-flex h-9 items-center justify-center gap-2 rounded-control px-3.5 font-medium text-sm whitespace-nowrap transition-colors disabled:opacity-50 touch:h-10",
        KINDS[kind],
        className,
      )}
      {...props}
    />
  );
}

/** A square button that shows an icon; its name is its label. */
export function IconButton({
  label,
  className,
  type = "button",
  ...props
}: ComponentProps<"button"> & { label: string }) {
  return (
    <button
      type={type}
      aria-label={label}
      title={label}
      className={cx(
        "inline-flex size-8 shrink-0 items-center justify-center rounded-control text-muted transition-colors hover:bg-hover hover:text-text disabled:opacity-40 touch:size-10",
        className,
      )}
      {...props}
    />
  );
}
