import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import type { ReactNode } from "react";
import { cx } from "./cx";
import { BACKDROP } from "./dialogStyles";

/** A sheet that comes from an edge of the screen: the sidebar on phones. */
export default function Sheet({
  onClose,
  title,
  side,
  children,
}: {
  onClose: () => void;
  title: string;
  side: "start" | "end";
  children: ReactNode;
}) {
  return (
    <BaseDialog.Root open onOpenChange={(next) => !next && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop className={BACKDROP} />
        <BaseDialog.Popup
          className={cx(
            "fixed inset-y-0 flex w-[min(20rem,86vw)] flex-col bg-panel shadow-float outline-none transition-opacity duration-120 data-ending-style:opacity-0 data-starting-style:opacity-0",
            side === "start" ? "start-0" : "end-0",
          )}
        >
          <BaseDialog.Title className="sr-only">{title}</BaseDialog.Title>
          {children}
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}
