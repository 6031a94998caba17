import { act, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { beforeEach, describe, expect, it } from "vitest";
import { useOutbox } from "@/api/outbox";
import { signOut } from "@/api/session";
import { at } from "@/api/testData";
import { open, server, state, withApp } from "./appHarness";

withApp();

describe("leaving", () => {
  const kept = () => Object.keys(localStorage).filter((key) => /outbox|draft/.test(key));
  const foreign = [
    { content: "of somebody else", client_message_id: "x", user_id: 2, tab: "t", created_at: 0 },
  ];

  /** Signed in, with a draft here and elsewhere, and a message that nobody has taken yet. */
  beforeEach(async () => {
    state.signedIn = true;
    localStorage.setItem("rejoinder.outbox", JSON.stringify(foreign));
    localStorage.setItem("rejoinder.draft.2.c9", "of somebody else");
    localStorage.setItem("rejoinder.draft.1.c7", "half a thought");
    await open();
    const field = await screen.findByRole("textbox", { name: "Message" });
    await userEvent.type(field, "a secret{enter}");
    await userEvent.type(field, "another");
    expect(localStorage.getItem("rejoinder.outbox")).toContain("a secret");
    expect(localStorage.getItem("rejoinder.draft.1.")).toBe("another");
  });

  const expectNothingLeft = () => {
    expect(kept().sort()).toEqual(["rejoinder.draft.2.c9", "rejoinder.outbox"]);
    expect(JSON.parse(localStorage.getItem("rejoinder.outbox") ?? "")).toEqual(foreign);
    expect(useOutbox.getState()).toEqual({ waiting: [], refused: [], held: {} });
  };
  const signInAgain = async () => {
    await userEvent.type(await screen.findByLabelText("Email"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "correct horse{enter}");
    return await screen.findByRole<HTMLTextAreaElement>("textbox", { name: "Message" });
  };

  it("by signing out leaves no draft and no message behind, not even for oneself", async () => {
    await userEvent.click(screen.getByRole("button", { name: "Account: Ada" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Sign out" }));
    await screen.findByRole("heading", { name: "Sign in" });
    expectNothingLeft();
    expect((await signInAgain()).value).toBe("");
  });

  it("by deleting the account leaves nothing either", async () => {
    server.use(http.delete(at("/auth/me"), () => new HttpResponse(null, { status: 204 })));
    await userEvent.click(screen.getByRole("button", { name: "Account: Ada" }));
    await userEvent.click(await screen.findByRole("menuitem", { name: "Account" }));
    await userEvent.click(await screen.findByRole("tab", { name: "Delete account" }));
    await userEvent.type(await screen.findByLabelText("Password"), "correct horse");
    await userEvent.click(screen.getByRole("button", { name: "Delete account" }));
    await screen.findByRole("heading", { name: "Sign in" });
    expectNothingLeft();
  });

  it("because the session ended keeps all of it for who signs in again", async () => {
    state.signedIn = false;
    act(() => signOut({ expired: true }));
    expect(localStorage.getItem("rejoinder.outbox")).toContain("a secret");
    expect((await signInAgain()).value).toBe("another");
  });
});
