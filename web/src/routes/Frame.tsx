import { useNavigate } from "@tanstack/react-router";
import { Suspense, useCallback, useEffect, useRef, useState } from "react";
import { startLive } from "@/api/live";
import type { User } from "@/api/types";
import { AccountMenu } from "@/features/account/AccountMenu";
import { ChatPage } from "@/features/chat/ChatPage";
import { ConversationSidebar } from "@/features/chat/ConversationSidebar";
import { usePaletteKeys } from "@/features/palette/usePaletteKeys";
import { IconButton } from "@/ui/Button";
import { ComposeIcon, ListIcon, SidebarIcon } from "@/ui/icons";
import { Logo } from "@/ui/Logo";
import { COMMAND_KEY } from "@/util/keys";
import { part } from "@/util/part";
import { storage } from "@/util/storage";
import { useMediaQuery } from "@/util/useMediaQuery";
import { Banner } from "./Banner";

const Sheet = part(() => import("@/ui/Sheet"));
const UsersDialog = part(() => import("@/features/admin/UsersDialog"));
const CommandPalette = part(() => import("@/features/palette/CommandPalette"));
const ShortcutsDialog = part(() => import("@/features/palette/ShortcutsDialog"));
const TodoPanel = part(() => import("@/features/todos/TodoPanel"));

const SIDEBAR = "rejoinder.sidebar";

/** The frame around the chat: sidebar, todos, and what the whole page has to say. */
export function Frame({ user, conversationId }: { user: User; conversationId: string | null }) {
  const navigate = useNavigate();
  const roomy = useMediaQuery("(min-width: 768px)");
  const wide = useMediaQuery("(min-width: 1180px)");
  const [pinned, setPinned] = useState(() => storage.get(SIDEBAR) !== "closed");
  const [sheet, setSheet] = useState(false);
  const [todos, setTodos] = useState(false);
  const [users, setUsers] = useState(false);
  const [over, setOver] = useState<"palette" | "shortcuts" | null>(null);
  const closeOver = () => setOver(null);
  usePaletteKeys({
    open: over === "palette",
    onPalette: () => setOver("palette"),
    onShortcuts: () => setOver("shortcuts"),
    onClose: closeOver,
  });

  useEffect(() => startLive(user.id), [user.id]);

  const openConversation = useCallback(
    (id: string) => void navigate({ to: "/c/$conversationId", params: { conversationId: id } }),
    [navigate],
  );
  const newConversation = useCallback(() => {
    setSheet(false);
    void navigate({ to: "/" });
  }, [navigate]);

  const opened = useRef(conversationId);
  useEffect(() => {
    opened.current = conversationId;
  }, [conversationId]);
  /** A deletion takes its time: who has opened another conversation meanwhile stays there. */
  const leaveDeleted = (id: string) => {
    if (id === opened.current) newConversation();
  };

  function toggleSidebar() {
    if (!roomy) return setSheet(!sheet);
    storage.set(SIDEBAR, pinned ? "closed" : null);
    setPinned(!pinned);
  }

  const shown = roomy && pinned;
  const sidebar = (
    <ConversationSidebar
      conversationId={conversationId}
      header={
        <>
          <span className="flex flex-1 items-center gap-2 ps-1 font-semibold">
            <Logo size={24} />
            Rejoinder
          </span>
          <IconButton label="Close sidebar" onClick={toggleSidebar}>
            <SidebarIcon />
          </IconButton>
        </>
      }
      footer={<AccountMenu user={user} onManageUsers={user.role === "admin" ? () => setUsers(true) : null} />}
      onNewConversation={newConversation}
      onOpened={() => setSheet(false)}
      onDeleted={leaveDeleted}
    />
  );

  const todoPanel = (
    <Suspense>
      <TodoPanel onClose={() => setTodos(false)} />
    </Suspense>
  );

  return (
    <div className="flex h-full">
      {shown && <div className="w-66 shrink-0 border-line border-e bg-panel">{sidebar}</div>}
      <Suspense>
        {!roomy && sheet && (
          <Sheet onClose={() => setSheet(false)} title="Conversations" side="start">
            {sidebar}
          </Sheet>
        )}
      </Suspense>
      <div className="relative flex min-w-0 flex-1">
        <ChatPage
          conversationId={conversationId}
          user={user}
          leading={
            !shown && (
              <>
                <IconButton label="Open sidebar" onClick={toggleSidebar}>
                  <SidebarIcon />
                </IconButton>
                <IconButton label="New conversation" onClick={newConversation}>
                  <ComposeIcon />
                </IconButton>
              </>
            )
          }
          trailing={
            <IconButton label="Todos" aria-pressed={todos} onClick={() => setTodos(!todos)}>
              <ListIcon />
            </IconButton>
          }
          onOpenConversation={openConversation}
          onNewConversation={newConversation}
          onDeleted={leaveDeleted}
        />
        <Banner user={user} />
      </div>
      {wide && todos && <div className="w-80 shrink-0 border-line border-s bg-panel">{todoPanel}</div>}
      <Suspense>
        {!wide && todos && (
          <Sheet onClose={() => setTodos(false)} title="Todos" side="end">
            {todoPanel}
          </Sheet>
        )}
        {over === "palette" && (
          <CommandPalette
            onClose={closeOver}
            onOpenConversation={openConversation}
            commands={[
              { label: "New conversation", keys: [COMMAND_KEY, "Shift", "O"], run: newConversation },
              { label: todos ? "Hide todos" : "Show todos", run: () => setTodos(!todos) },
              { label: shown ? "Hide sidebar" : "Show sidebar", run: toggleSidebar },
              ...(user.role === "admin" ? [{ label: "Manage users", run: () => setUsers(true) }] : []),
              { label: "Keyboard shortcuts", keys: ["?"], run: () => setOver("shortcuts") },
            ]}
          />
        )}
        {over === "shortcuts" && <ShortcutsDialog onClose={closeOver} />}
        {users && <UsersDialog user={user} onClose={() => setUsers(false)} />}
      </Suspense>
    </div>
  );
}
