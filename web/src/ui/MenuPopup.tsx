import { Menu } from "@base-ui/react/menu";
import { useId } from "react";
import { cx } from "./cx";
import { CheckIcon } from "./icons";
import type { MenuEntry, MenuProps } from "./Menu";

const ITEM =
  "flex min-h-9 w-full select-none items-center gap-3 rounded-control px-2.5 py-1.5 text-sm outline-none data-highlighted:bg-hover touch:min-h-10";

export default function MenuPopup({ trigger, entries, onOpen, align = "start", side = "bottom" }: MenuProps) {
  const id = useId();
  const shown = entries();
  const notes = shown.flatMap(({ kind }, index) => (kind === "note" ? noteId(id, index) : []));
  return (
    <Menu.Root defaultOpen onOpenChange={(open) => open && onOpen?.()}>
      <Menu.Trigger render={trigger} />
      <Menu.Portal>
        <Menu.Positioner align={align} side={side} sideOffset={6} className="z-10 outline-none">
          <Menu.Popup
            aria-describedby={notes.join(" ") || undefined}
            className="max-h-[min(24rem,var(--available-height))] min-w-48 max-w-[min(22rem,calc(100vw-1rem))] overflow-y-auto rounded-xl border border-line bg-raised p-1 shadow-float outline-none transition-opacity duration-120 data-ending-style:opacity-0 data-starting-style:opacity-0"
          >
            <Entries entries={shown} id={id} />
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}

const noteId = (menu: string, index: number) => `${menu}-note-${index}`;

function Entries({ entries, id }: { entries: MenuEntry[]; id: string }) {
  return entries.map((entry, index) => {
    switch (entry.kind) {
      case "item":
        return (
          <Menu.Item
            key={entry.label}
            onClick={entry.onSelect}
            className={cx(ITEM, entry.danger && "text-danger")}
          >
            {entry.icon}
            {entry.label}
          </Menu.Item>
        );
      case "choice":
        return <Choice key={entry.label} {...entry} />;
      case "label":
        return (
          <div
            // A heading may say what the choice below it is called.
            key={`label ${entry.text}`}
            className="px-2.5 pt-2 pb-1 text-muted text-sm [overflow-wrap:anywhere]"
          >
            {entry.text}
          </div>
        );
      case "note":
        return (
          <div
            key={entry.title}
            id={noteId(id, index)}
            className="px-2.5 py-1.5 text-sm [overflow-wrap:anywhere]"
          >
            <p>{entry.title}</p>
            <p className="text-muted">{entry.text}</p>
          </div>
        );
      case "separator":
        // biome-ignore lint/suspicious/noArrayIndexKey: lines between entries have nothing else
        return <Menu.Separator key={index} className="mx-2 my-1 h-px bg-line" />;
    }
    return null;
  });
}

function Choice({ label, value, options, onSelect }: Extract<MenuEntry, { kind: "choice" }>) {
  return (
    <Menu.RadioGroup value={value} onValueChange={onSelect} aria-label={label}>
      {options.map((option) => (
        <Menu.RadioItem key={option.value} value={option.value} closeOnClick className={ITEM}>
          <span className="min-w-0 flex-1">
            <span className="block truncate">{option.label}</span>
            {option.detail && <span className="block truncate text-muted">{option.detail}</span>}
          </span>
          <Menu.RadioItemIndicator>
            <CheckIcon width={16} height={16} className="text-accent" />
          </Menu.RadioItemIndicator>
        </Menu.RadioItem>
      ))}
    </Menu.RadioGroup>
  );
}
