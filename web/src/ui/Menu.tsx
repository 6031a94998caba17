import { cloneElement, type ReactElement, type ReactNode, Suspense, useState } from "react";
import { part } from "@/util/part";

export type MenuEntry =
  | { kind: "item"; label: string; icon?: ReactNode; danger?: boolean; onSelect: () => void }
  | {
      kind: "choice";
      label: string;
      value: string;
      options: { value: string; label: string; detail?: string }[];
      onSelect: (value: string) => void;
    }
  | { kind: "label"; text: string }
  /** What there is to know about the choices; the menu is described by it. */
  | { kind: "note"; title: string; text: string }
  | { kind: "separator" };

export interface MenuProps {
  /** The button that opens it. */
  trigger: ReactElement<Record<string, unknown>>;
  entries: () => MenuEntry[];
  onOpen?: () => void;
  align?: "start" | "end";
  side?: "top" | "bottom";
}

const MenuPopup = part(() => import("./MenuPopup"));

/**
 * A menu behind a button. Until it is opened for the first time it is only that button: a list of
 * hundreds of rows has a menu in each, and the code for them is a fifth of the page's.
 */
export function Menu(props: MenuProps) {
  const [used, setUsed] = useState(false);
  const closed = cloneElement(props.trigger, {
    "aria-haspopup": "menu",
    "aria-expanded": false,
    onPointerEnter: MenuPopup.prefetch,
    onFocus: MenuPopup.prefetch,
    onClick: () => {
      setUsed(true);
      props.onOpen?.();
    },
  });
  if (!used) return closed;
  return (
    <Suspense fallback={closed}>
      <MenuPopup {...props} />
    </Suspense>
  );
}
