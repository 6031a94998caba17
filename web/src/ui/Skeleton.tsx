import { cx } from "./cx";

/** A grey line where text will be. */
export const Skeleton = ({ className }: { className?: string }) => (
  <div aria-hidden="true" className={cx("h-4 animate-quiet rounded-md bg-bubble", className)} />
);
