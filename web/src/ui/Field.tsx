import { type ComponentProps, type ReactNode, useId } from "react";
import { cx } from "./cx";

const CONTROL =
  "h-10 w-full rounded-control border bg-raised px-3 transition-colors disabled:opacity-60 aria-invalid:border-danger";

/** A labelled text field with its hint and its error. */
export function Field({
  label,
  hint,
  error,
  className,
  ...props
}: ComponentProps<"input"> & { label: string; hint?: ReactNode; error?: string }) {
  const id = useId();
  const note = error ?? hint;
  return (
    <div className={cx("space-y-1.5", className)}>
      <label htmlFor={id} className="block font-medium text-sm">
        {label}
      </label>
      <input
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={note ? `${id}-note` : undefined}
        className={cx(CONTROL, "border-control/70")}
        {...props}
      />
      {note && (
        <p
          id={`${id}-note`}
          role={error ? "alert" : undefined}
          className={cx("text-sm", error ? "text-danger" : "text-muted")}
        >
          {note}
        </p>
      )}
    </div>
  );
}

/** A labelled choice among a few. */
export function SelectField({ label, children, ...props }: ComponentProps<"select"> & { label: string }) {
  const id = useId();
  return (
    <div className="space-y-1.5">
      <label htmlFor={id} className="block font-medium text-sm">
        {label}
      </label>
      <select id={id} className={cx(CONTROL, "border-control/70")} {...props}>
        {children}
      </select>
    </div>
  );
}
