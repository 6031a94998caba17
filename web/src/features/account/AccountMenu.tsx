import { Suspense, useState } from "react";
import { authApi } from "@/api/authApi";
import type { User } from "@/api/types";
import { ChevronIcon } from "@/ui/icons";
import { Menu, type MenuEntry } from "@/ui/Menu";
import { part } from "@/util/part";
import { type Theme, useTheme } from "@/util/theme";

const AccountDialog = part(() => import("./AccountDialog"));

export function AccountMenu({ user, onManageUsers }: { user: User; onManageUsers: (() => void) | null }) {
  const [open, setOpen] = useState(false);
  const { theme, setTheme } = useTheme();
  return (
    <>
      <Menu
        side="top"
        trigger={
          <button
            type="button"
            aria-label={`Account: ${user.full_name || user.email}`}
            className="flex h-11 w-full min-w-0 items-center gap-2.5 rounded-control px-2 text-start text-sm hover:bg-hover"
          >
            {/* Drawn by CSS: the letter is no part of the button's name. */}
            <span
              aria-hidden="true"
              data-initial={[...(user.full_name || user.email)][0]?.toUpperCase()}
              className="inline-flex size-7 shrink-0 items-center justify-center rounded-full bg-accent font-medium text-on-accent before:content-[attr(data-initial)]"
            />
            <span className="min-w-0 flex-1 truncate" dir="auto">
              {user.full_name || user.email}
            </span>
            <ChevronIcon width={16} height={16} className="shrink-0 rotate-180 text-muted" />
          </button>
        }
        entries={() => [
          { kind: "label", text: user.email },
          { kind: "item", label: "Account", onSelect: () => setOpen(true) },
          ...(onManageUsers
            ? [{ kind: "item", label: "Manage users", onSelect: onManageUsers } satisfies MenuEntry]
            : []),
          { kind: "separator" },
          { kind: "label", text: "Theme" },
          {
            kind: "choice",
            label: "Theme",
            value: theme,
            onSelect: (next) => setTheme(next as Theme),
            options: [
              { value: "system", label: "Like the system" },
              { value: "light", label: "Light" },
              { value: "dark", label: "Dark" },
            ],
          },
          { kind: "separator" },
          { kind: "item", label: "Sign out", onSelect: () => void authApi.logout() },
        ]}
      />
      <Suspense>{open && <AccountDialog user={user} onClose={() => setOpen(false)} />}</Suspense>
    </>
  );
}
