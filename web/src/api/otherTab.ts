import { create } from "zustand";
import type { User } from "./types";

/** Another account that took this tab's place, signed in from another tab. */
interface Taken {
  userId: number;
  name: string;
  /** The account before had not signed out: its drafts and unsent messages are still in the browser. */
  kept: boolean;
}

const KEY = "rejoinder.taken";

/** Outlives the reload that a change of accounts needs, in this tab only, until it was read. */
export const useTaken = create<{ taken: Taken | null }>(() => ({ taken: stored() }));

function stored(): Taken | null {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Taken | null;
  } catch {
    return null;
  }
}

function store(taken: Taken | null): void {
  useTaken.setState({ taken });
  try {
    if (taken) sessionStorage.setItem(KEY, JSON.stringify(taken));
    else sessionStorage.removeItem(KEY);
  } catch {
    // Storage can be blocked: then it is told only where no reload comes between.
  }
}

export const noteTaken = (by: User, kept: boolean): void =>
  store({ userId: by.id, name: by.full_name, kept });

export const dismissTaken = (): void => store(null);
