import { create } from "zustand";
import { dismissTaken, noteTaken } from "./otherTab";
import type { Problem, TokenResponse, User } from "./types";
import { sawRefusal } from "./writable";

/**
 * Who is signed in. The access token lives in memory only; the refresh token is an HttpOnly
 * cookie that this code never sees.
 */
interface Session {
  status: "loading" | "unreachable" | "signed-out" | "signed-in";
  user: User | null;
  /** Signed out by the server rather than by the user. */
  expired: boolean;
}

export const useSession = create<Session>(() => ({ status: "loading", user: null, expired: false }));

let token: string | null = null;
let expiresAt = 0;
/** Whose page this was last. */
let lastUser: number | null = null;
let refreshing: Promise<boolean> | null = null;

type TabMessage = { type: "token"; tokens: Omit<TokenResponse, "refresh_token"> } | { type: "out" };
const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("rejoinder.session");

tabs?.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => {
  if (data.type === "out") {
    forget(false);
    return;
  }
  const { user } = data.tokens;
  const { status, expired } = useSession.getState();
  const another = lastUser !== null && lastUser !== user.id;
  if (another) noteTaken(user, status === "signed-in" || expired);
  // Nothing on this page is valid any more.
  if (another && status === "signed-in") location.assign("/");
  else adopt(data.tokens);
});

function adopt(tokens: Omit<TokenResponse, "refresh_token">): void {
  token = tokens.access_token;
  expiresAt = Date.now() + tokens.expires_in * 1000;
  lastUser = tokens.user.id;
  useSession.setState({ status: "signed-in", user: tokens.user, expired: false });
}

type LeaveListener = (userId: number) => void;
const leaveListeners = new Set<LeaveListener>();

/**
 * Called when a user signs out on purpose or deletes the account, here or in another tab: what the
 * browser keeps of theirs goes. A session that merely ended may be taken up again, with all of it.
 */
export function onLeave(listener: LeaveListener): void {
  leaveListeners.add(listener);
}

function forget(expired: boolean): void {
  token = null;
  // Several requests may learn of it one after the other.
  const before = useSession.getState();
  const hadSession = before.status === "signed-in" || before.expired;
  if (!expired && before.user) {
    dismissTaken();
    for (const leave of leaveListeners) leave(before.user.id);
  }
  useSession.setState({ status: "signed-out", user: null, expired: expired && hadSession });
}

/** Takes the tokens of a login or refresh, here and in the other tabs. */
export function signIn({ refresh_token: _, ...tokens }: TokenResponse): void {
  adopt(tokens);
  tabs?.postMessage({ type: "token", tokens } satisfies TabMessage);
}

export function signOut({ expired = false } = {}): void {
  forget(expired);
  if (!expired) tabs?.postMessage({ type: "out" } satisfies TabMessage);
}

export const accessToken = (): string | null => token;

/** Seconds until the access token expires; negative when there is none. */
export const tokenLife = (): number => (token ? (expiresAt - Date.now()) / 1000 : -1);

/**
 * A new access token by the cookie; one request at a time. False: signed out. Throws when the
 * server can't be reached, which says nothing about the session. Races between tabs are harmless:
 * the server answers the same successor to each.
 */
export function refreshSession(): Promise<boolean> {
  refreshing ??= requestRefresh().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function requestRefresh(): Promise<boolean> {
  const response = await fetch("/api/v1/auth/refresh", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  if (response.ok) {
    signIn((await response.json()) as TokenResponse);
    return true;
  }
  const problem = (await response.json().catch(() => null)) as Problem | null;
  sawRefusal(problem?.code ?? "");
  if (response.status >= 500 || response.status === 429) throw new Error("refresh unavailable");
  signOut({ expired: true });
  return false;
}

/** Called once when the page loads: signed in, signed out, or told that the server is away. */
export async function restoreSession(): Promise<void> {
  try {
    await refreshSession();
  } catch {
    useSession.setState({ status: "unreachable" });
  }
}
