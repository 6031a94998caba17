import { Suspense } from "react";
import { deleteConversation } from "@/api/conversationService";
import { part } from "@/util/part";

const ConfirmDialog = part(() => import("@/ui/ConfirmDialog"));
const PermissionsDialog = part(() => import("./PermissionsDialog"));
const ConnectModelDialog = part(() => import("./ConnectModelDialog"));

export type ChatDialog = "permissions" | "delete" | "model";

/** What opens in front of a conversation. */
export function ChatDialogs({
  open,
  conversationId,
  title,
  onClose,
  onDeleted,
}: {
  open: ChatDialog | null;
  conversationId: string | null;
  title: string;
  onClose: () => void;
  onDeleted: (id: string) => void;
}) {
  return (
    <Suspense>
      {open === "permissions" && conversationId && (
        <PermissionsDialog conversationId={conversationId} onClose={onClose} />
      )}
      {open === "model" && <ConnectModelDialog onClose={onClose} />}
      {open === "delete" && conversationId && (
        <ConfirmDialog
          onClose={onClose}
          title="Delete this conversation?"
          action="Delete conversation"
          onConfirm={() => deleteConversation(conversationId).then(() => onDeleted(conversationId))}
        >
          “{title}” and all its messages will be gone for good.
        </ConfirmDialog>
      )}
    </Suspense>
  );
}
