import { useEffect, useEffectEvent } from "react";
import { isCovered, isEditable } from "@/util/keys";

/** The keys that open the palette and the sheet of all keys. */
export function usePaletteKeys({
  open,
  onPalette,
  onShortcuts,
  onClose,
}: {
  /** The palette is in front. */
  open: boolean;
  onPalette: () => void;
  onShortcuts: () => void;
  onClose: () => void;
}): void {
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return;
    const command = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (command && event.key.toLowerCase() === "k") {
      // Browsers would go to their own search.
      event.preventDefault();
      if (open) onClose();
      else if (!isCovered()) onPalette();
    } else if (event.key === "?" && !isEditable(event.target) && !isCovered()) {
      event.preventDefault();
      onShortcuts();
    }
  });
  useEffect(() => {
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}
