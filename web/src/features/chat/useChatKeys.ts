import { useEffect, useEffectEvent } from "react";
import { isCovered, isEditable } from "@/util/keys";

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
    if (event.defaultPrevented || event.isComposing || isCovered()) return;
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
