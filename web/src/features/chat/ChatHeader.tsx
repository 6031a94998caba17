import type { ReactNode, Ref } from "react";
import { IconButton } from "@/ui/Button";
import { ShieldIcon, TrashIcon } from "@/ui/icons";
import type { ChatDialog } from "./ChatDialogs";
import { ModelPicker } from "./ModelPicker";
import type { ModelChoice } from "./useModelChoice";

/** The conversation's name, its model, and what can be done with all of it. */
export function ChatHeader({
  title,
  choice,
  picker,
  hasPermissions,
  deletable,
  onOpen,
  leading,
  trailing,
}: {
  /** Null: the conversation is not begun yet. */
  title: string | null;
  choice: ModelChoice;
  picker: Ref<HTMLButtonElement>;
  hasPermissions: boolean;
  deletable: boolean;
  onOpen: (dialog: ChatDialog) => void;
  /** Controls of the frame, at both ends. */
  leading: ReactNode;
  trailing: ReactNode;
}) {
  return (
    <header className="flex h-13 shrink-0 items-center gap-1 px-3">
      {leading}
      <h1 className="min-w-0 flex-1 truncate px-2 font-medium" dir="auto">
        {title ?? <span className="sr-only">New conversation</span>}
      </h1>
      {choice.models && (
        <ModelPicker
          models={choice.models}
          value={choice.id ?? choice.model?.id ?? null}
          onOpen={choice.refresh}
          onChange={choice.choose}
          onExplainModel={() => onOpen("model")}
          button={picker}
        />
      )}
      {hasPermissions && (
        <IconButton label="Tools allowed in this conversation" onClick={() => onOpen("permissions")}>
          <ShieldIcon width={18} height={18} />
        </IconButton>
      )}
      {deletable && (
        <IconButton label="Delete conversation" className="max-sm:hidden" onClick={() => onOpen("delete")}>
          <TrashIcon width={18} height={18} />
        </IconButton>
      )}
      {trailing}
    </header>
  );
}
