import { afterAll, afterEach, beforeEach, expect, it, vi } from "vitest";
import { signIn, signOut, useSession } from "./session";
import { tokens, user } from "./testData";
import type { User } from "./types";

const tab = new BroadcastChannel("rejoinder.session");
const ada = user();
const grace = user({ id: 2, email: "grace@example.org", full_name: "Grace" });
const elsewhere = (message: unknown) => tab.postMessage(message);
const signInElsewhere = (who: User) => elsewhere({ type: "token", tokens: tokens(who) });
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
  signIn(tokens(ada));
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
