import { afterAll, afterEach, beforeEach, expect, it, vi } from "vitest";
import { signIn, signOut, useSession } from "./session";
import type { TokenResponse, User } from "./types";

const tab = new BroadcastChannel("rejoinder.session");
const user = (id: number, full_name: string): User => ({
  id,
  full_name,
  email: `${id}@example.org`,
  role: "user",
  created_at: "2026-01-01T00:00:00.000Z",
});
const ada = user(1, "Ada");
const grace = user(2, "Grace");
const tokensOf = (who: User): TokenResponse => ({
  access_token: "a",
  refresh_token: "r",
  token_type: "bearer",
  expires_in: 600,
  mfa_required: false,
  user: who,
});
const elsewhere = (message: unknown) => tab.postMessage(message);
const signInElsewhere = (who: User) => elsewhere({ type: "token", tokens: tokensOf(who) });
/** What the page knows after a reload. */
async function afterReload() {
  vi.resetModules();
  const { useTaken, dismissTaken } = await import("./otherTab");
  return { taken: useTaken.getState().taken, dismissTaken };
}

afterAll(() => tab.close());

const assign = vi.fn();
beforeEach(() => {
  assign.mockClear();
  vi.spyOn(location, "assign").mockImplementation(assign);
  signIn(tokensOf(ada));
});
afterEach(() => signOut());

it("another account reloads the page, which then says whose it is and that nothing was lost", async () => {
  signInElsewhere(grace);
  await vi.waitFor(() => expect(assign).toHaveBeenCalledWith("/"));
  // Until then nothing of the one is done in the name of the other.
  expect(useSession.getState().user).toEqual(ada);
  const { taken, dismissTaken } = await afterReload();
  expect(taken).toEqual({ userId: 2, name: "Grace", kept: true });
  dismissTaken();
  expect((await afterReload()).taken).toBeNull();
});

it("where the account before had signed out nothing of it is said to be kept", async () => {
  elsewhere({ type: "out" });
  signInElsewhere(grace);
  await vi.waitFor(() => expect(useSession.getState().user).toEqual(grace));
  expect(assign).not.toHaveBeenCalled();
  expect((await afterReload()).taken).toEqual({ userId: 2, name: "Grace", kept: false });
});

it("the same account again is nothing to speak of", async () => {
  elsewhere({ type: "out" });
  await vi.waitFor(() => expect(useSession.getState().status).toBe("signed-out"));
  signInElsewhere(ada);
  await vi.waitFor(() => expect(useSession.getState().user).toEqual(ada));
  expect(assign).not.toHaveBeenCalled();
  expect((await afterReload()).taken).toBeNull();
});
