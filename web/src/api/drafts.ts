import { create } from "zustand";
import { storage } from "@/util/storage";
import { onLeave } from "./session";

/** What stands in the input, by conversation; the empty name is the conversation not yet begun. */
interface Drafts {
  texts: Record<string, string>;
}

const PREFIX = "rejoinder.draft.";

const useDrafts = create<Drafts>(() => ({ texts: {} }));

const nameOf = (userId: number, conversationId: string | null) =>
  `${PREFIX}${userId}.${conversationId ?? ""}`;

export function useDraft(userId: number, conversationId: string | null): [string, (text: string) => void] {
  const name = nameOf(userId, conversationId);
  const text = useDrafts(({ texts }) => texts[name]) ?? storage.get(name) ?? "";
  return [text, (next) => write(name, next)];
}

function write(name: string, text: string): void {
  useDrafts.setState(({ texts }) => ({ texts: { ...texts, [name]: text } }));
  storage.set(name, text === "" ? null : text);
}

onLeave((userId) => {
  const prefix = `${PREFIX}${userId}.`;
  useDrafts.setState(({ texts }) => ({
    texts: Object.fromEntries(Object.entries(texts).filter(([name]) => !name.startsWith(prefix))),
  }));
  storage.removeWhere((name) => name.startsWith(prefix));
});

/** Gives back a text that could not be sent; what has been typed since stays below it. */
export function restoreDraft(userId: number, conversationId: string | null, text: string): void {
  const name = nameOf(userId, conversationId);
  const typed = useDrafts.getState().texts[name] ?? storage.get(name) ?? "";
  write(name, typed.trim() ? `${text}\n\n${typed}` : text);
}
