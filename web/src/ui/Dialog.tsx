import { Dialog as BaseDialog } from "@base-ui/react/dialog";
import type { ReactNode, RefObject } from "react";
import { IconButton } from "./Button";
import { cx } from "./cx";
import { BACKDROP, POPUP } from "./dialogStyles";
import { CloseIcon } from "./icons";

export function Dialog({
  onClose,
  title,
  wide = false,
  initialFocus,
  children,
}: {
  onClose: () => void;
  title: string;
  wide?: boolean;
  /** Has the focus at first, in place of the button that closes. */
  initialFocus?: RefObject<HTMLElement | null>;
  children: ReactNode;
}) {
  return (
    <BaseDialog.Root open onOpenChange={(next) => !next && onClose()}>
      <BaseDialog.Portal>
        <BaseDialog.Backdrop forceRender className={BACKDROP} />
        <BaseDialog.Popup initialFocus={initialFocus} className={cx(POPUP, wide ? "max-w-2xl" : "max-w-md")}>
          <div className="flex items-center justify-between gap-4 pt-3 pb-1.5 ps-6 pe-3">
            <BaseDialog.Title className="font-semibold text-lg">{title}</BaseDialog.Title>
            <BaseDialog.Close render={<IconButton label="Close" />}>
              <CloseIcon />
            </BaseDialog.Close>
          </div>
          {/* What has the focus shows a ring, and this part would cut it off. */}
          <div className="min-h-0 overflow-y-auto px-6 pt-1.5 pb-6">{children}</div>
        </BaseDialog.Popup>
      </BaseDialog.Portal>
    </BaseDialog.Root>
  );
}
