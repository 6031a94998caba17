/**
 * Fetches what the first picture did without, while nothing else goes on: a dialog must open even
 * when the network has gone by then.
 */
export function prefetchParts(): void {
  void import("@/features/chat/MessageList");
  void import("@/features/chat/ConnectModelDialog");
  void import("@/features/account/AccountDialog");
  void import("@/features/admin/UsersDialog");
  void import("@/features/todos/TodoPanel");
  void import("@/ui/ConfirmDialog");
  void import("@/ui/MenuPopup");
  void import("@/ui/Sheet");
}
