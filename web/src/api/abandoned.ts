import { outbox, useOutbox, type Waiting } from "./outbox";

/** How often messages are looked for whose tab has gone. */
const LOOK_EVERY = 5_000;

interface Call {
  type: "whose" | "mine";
  /** Of messages. */
  ids: string[];
}

const idOf = ({ client_message_id }: Waiting): string => client_message_id;

/**
 * Takes over what closed tabs left unsent, for as long as this one is open; the result ends that. A
 * tab that lives says which messages it has: it sends them itself, and a text that is refused goes
 * back to one input, not to the input of each tab.
 */
export function takeOverAbandoned(userId: number, send: (entry: Waiting) => unknown): () => void {
  const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("rejoinder.outbox");
  /** The messages that were asked about, until a tab says that it has them. */
  let unclaimed = new Set<string>();
  const tell = (type: Call["type"], ids: string[]) => {
    if (ids.length) tabs?.postMessage({ type, ids } satisfies Call);
  };
  tabs?.addEventListener("message", ({ data }: MessageEvent<Call>) => {
    if (data.type === "mine") for (const id of data.ids) unclaimed.delete(id);
    else tell("mine", data.ids.filter(outbox.get));
  });

  // While this page was being loaded it could not answer for what it has taken up by now.
  tell("mine", useOutbox.getState().waiting.map(idOf));
  const look = () => {
    const taken = outbox.takeOver(userId, unclaimed);
    tell("mine", taken.map(idOf));
    taken.forEach(send);
    unclaimed = new Set(outbox.elsewhere(userId).map(idOf));
    tell("whose", [...unclaimed]);
  };
  look();
  const timer = setInterval(look, LOOK_EVERY);
  return () => {
    clearInterval(timer);
    tabs?.close();
  };
}
