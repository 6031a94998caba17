import { useEffect, useEffectEvent } from "react";

/** The keys that work anywhere on the chat page. */
export function useChatKeys({
  onFocusInput,
  onStop,
  onNewConversation,
}: {
  onFocusInput: () => void;
  onStop: (() => void) | null;
  onNewConversation: () => void;
}): void {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    // A dialog or menu in front has its own keys.
    if (event.defaultPrevented || event.isComposing) return;
    if (document.querySelector('[role="dialog"], [role="alertdialog"], [role="menu"]')) return;
    if (event.key === "Escape" && onStop) {
      onStop();
    } else if (event.key.toLowerCase() === "o" && event.shiftKey && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onNewConversation();
    } else if (event.key === "/" && !isEditable(event.target)) {
      event.preventDefault();
      onFocusInput();
    }
  });
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

const isEditable = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement &&
  (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
