import { create } from "zustand";
import { dropUtf8, utf8Length } from "@/util/text";
import type { Delta } from "./frames";
import type { Channel, Message } from "./types";

/** What is on screen of a message that is still being written. */
export interface StreamText {
  text: string;
  reasoning: string;
}

interface Live {
  revision: number;
  channels: Record<Channel, { text: string; bytes: number }>;
  /** A new revision began, and nothing of it has come yet: the old text stays until then. */
  previous: StreamText | null;
}

export type DeltaOutcome = "applied" | "ignored" | "gap";

/** The texts being written, by message id. Components select one message each. */
export const useStreams = create<{ texts: Record<number, StreamText> }>(() => ({ texts: {} }));

const live = new Map<number, Live>();
/** The last revision known to be finished, so that replayed deltas of it are not taken for news. */
const finished = new Map<number, number>();
const changed = new Set<number>();
let scheduled = false;

/** Showing new text may take one part of the time in this many. */
const SHARE = 4;
/** However slow the machine, text is never held back longer. */
const MAX_PAUSE = 200;
/** No frame shows new text before. */
let pausedUntil = 0;

const isOpen = (message: Message) =>
  message.status === "queued" || message.status === "streaming" || message.status === "awaiting_approval";

function emptyChannels(): Live["channels"] {
  return {
    text: { text: "", bytes: 0 },
    reasoning: { text: "", bytes: 0 },
    tool_arguments: { text: "", bytes: 0 },
  };
}

/** Takes the state of a message as the server sent it: text so far, or the end of its stream. */
export function applyMessage(message: Message): void {
  const { id, revision } = message;
  const known = live.get(id);
  // A reply to a request may be older than what the feed has told.
  if (revision < (known?.revision ?? finished.get(id) ?? 0)) return;
  const open = isOpen(message);
  // Made before the end of this revision, which never goes on; an answer that is complete and waits for
  // approval has all its text in the message.
  if (open && (finished.get(id) ?? -1) >= revision) return;
  if (!open) {
    finished.set(id, revision);
    if (live.delete(id)) touch(id);
    return;
  }
  const offset = message.offsets?.text ?? utf8Length(message.content);
  if (known && known.revision === revision && known.channels.text.bytes >= offset) return;

  const channels = known?.revision === revision ? known.channels : emptyChannels();
  channels.text = { text: message.content, bytes: offset };
  channels.reasoning.bytes = Math.max(channels.reasoning.bytes, message.offsets?.reasoning ?? 0);
  channels.tool_arguments.bytes = Math.max(
    channels.tool_arguments.bytes,
    message.offsets?.tool_arguments ?? 0,
  );
  const replaced = known && known.revision < revision && message.content === "";
  live.set(id, { revision, channels, previous: replaced ? shown(known) : null });
  finished.delete(id);
  touch(id);
}

/**
 * Appends a delta. Offsets count UTF-8 bytes per channel of a revision: what is already here is
 * ignored, an overlap is cut, and a hole is reported so that the caller can ask for the text again.
 */
export function applyDelta(delta: Delta): DeltaOutcome {
  const { message_id: id, revision, channel } = delta;
  if ((finished.get(id) ?? -1) >= revision) return "ignored";
  let entry = live.get(id);
  if (entry && revision < entry.revision) return "ignored";
  if (!entry || revision > entry.revision) {
    if (delta.offset > 0) return "gap";
    entry = { revision, channels: emptyChannels(), previous: entry ? shown(entry) : null };
    live.set(id, entry);
  }

  const target = entry.channels[channel];
  if (!target) return "ignored";
  if (delta.offset > target.bytes) return "gap";
  const addition = dropUtf8(delta.text, target.bytes - delta.offset);
  if (addition === undefined) {
    // All of it is here already, or a character would be cut: only the second is a fault.
    return target.bytes - delta.offset >= utf8Length(delta.text) ? "ignored" : "gap";
  }
  if (addition === "") return "ignored";
  target.text += addition;
  target.bytes += utf8Length(addition);
  if (channel === "text") entry.previous = null;
  touch(id);
  return "applied";
}

/** Forgets every stream: after a reset the server sends what is current. */
export function clearStreams(): void {
  live.clear();
  finished.clear();
  changed.clear();
  useStreams.setState({ texts: {} });
}

function shown(entry: Live): StreamText {
  return entry.previous ?? { text: entry.channels.text.text, reasoning: entry.channels.reasoning.text };
}

function touch(id: number): void {
  changed.add(id);
  if (scheduled) return;
  scheduled = true;
  // Once per frame however many tokens came; hidden pages get no frames.
  const pause = pausedUntil - performance.now();
  if (document.visibilityState !== "visible") setTimeout(flushStreams, 250);
  else if (pause > 0) setTimeout(onFrame, pause);
  else onFrame();
}

function onFrame(): void {
  requestAnimationFrame(() => {
    const started = performance.now();
    flushStreams();
    // Runs when the frame has been rendered.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      const now = performance.now();
      pausedUntil = now + Math.min((now - started) * (SHARE - 1), MAX_PAUSE);
      port1.close();
    };
    port2.postMessage(null);
  });
}

/** Hands what has come since the last frame to the components. */
export function flushStreams(): void {
  scheduled = false;
  const texts = { ...useStreams.getState().texts };
  for (const id of changed) {
    const entry = live.get(id);
    if (entry) texts[id] = shown(entry);
    else delete texts[id];
  }
  changed.clear();
  useStreams.setState({ texts });
}
