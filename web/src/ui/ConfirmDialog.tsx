import { AlertDialog as BaseAlert } from "@base-ui/react/alert-dialog";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Button } from "./Button";
import { cx } from "./cx";
import { BACKDROP, POPUP } from "./dialogStyles";
import { Notice } from "./Notice";

/** Asks before something that can't be undone. Stays open, with the reason, when it fails. */
export default function ConfirmDialog({
  onClose,
  title,
  action,
  onConfirm,
  children,
}: {
  onClose: () => void;
  title: string;
  action: string;
  onConfirm: () => Promise<void>;
  children: ReactNode;
}) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  const shown = useRef(false);
  useEffect(() => {
    shown.current = true;
    return () => {
      shown.current = false;
    };
  }, []);

  async function confirm() {
    setBusy(true);
    setProblem(null);
    try {
      await onConfirm();
      // Whoever has closed it may have opened something else by now.
      if (shown.current) onClose();
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <BaseAlert.Root open onOpenChange={(next) => !next && onClose()}>
      <BaseAlert.Portal>
        <BaseAlert.Backdrop forceRender className={BACKDROP} />
        <BaseAlert.Popup className={cx(POPUP, "max-w-md p-6")}>
          <BaseAlert.Title className="font-semibold text-lg">{title}</BaseAlert.Title>
          <BaseAlert.Description className="mt-2 text-muted [overflow-wrap:anywhere]">
            {children}
          </BaseAlert.Description>
          {problem && (
            <Notice tone="danger" className="mt-4">
              {problem}
            </Notice>
          )}
          <div className="mt-6 flex justify-end gap-2">
            <BaseAlert.Close render={<Button />}>Cancel</BaseAlert.Close>
            <Button kind="danger" busy={busy} onClick={confirm}>
              {action}
            </Button>
          </div>
        </BaseAlert.Popup>
      </BaseAlert.Portal>
    </BaseAlert.Root>
  );
}
