import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { takeOverAbandoned } from "./abandoned";
import { outbox, useOutbox, type Waiting } from "./outbox";

type Call = { type: string; ids: string[] };

/** Another tab, which lives until it is closed, with the messages it has. */
let other: BroadcastChannel;
let theirs: string[];
let heard: Call[];
let stop: () => void;
const sent: string[] = [];

const left = (client_message_id: string, user_id = 1) =>
  ({ client_message_id, user_id, content: "hi", tab: "another", created_at: Date.now() }) as Waiting;
const keep = (...entries: Waiting[]) => localStorage.setItem("rejoinder.outbox", JSON.stringify(entries));
const begin = () => takeOverAbandoned(1, ({ client_message_id }) => sent.push(client_message_id));
const ours = () =>
  outbox.add({ content: "ours", conversation_id: "c1", model: null, on_busy: "enqueue", user_id: 1 });

/** One look, and all that is said about it has been heard, which calls in order show. */
async function look(own: string): Promise<void> {
  await vi.advanceTimersByTimeAsync(5_000);
  heard = [];
  other.postMessage({ type: "whose", ids: [own] });
  await vi.waitFor(() => expect(heard).toContainEqual({ type: "mine", ids: [own] }));
  // What that made the other tab say was said before this.
  heard = [];
  other.postMessage({ type: "whose", ids: [own] });
  await vi.waitFor(() => expect(heard).toContainEqual({ type: "mine", ids: [own] }));
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
  useOutbox.setState({ waiting: [], refused: [], held: {} });
  localStorage.clear();
  sent.length = 0;
  heard = [];
  theirs = [];
  other = new BroadcastChannel("rejoinder.outbox");
  other.addEventListener("message", ({ data }: MessageEvent<Call>) => {
    heard.push(data);
    const mine = data.ids.filter((id) => theirs.includes(id));
    if (data.type === "whose" && mine.length) other.postMessage({ type: "mine", ids: mine });
  });
  stop = begin();
});
afterEach(() => {
  stop();
  other.close();
  useOutbox.setState({ waiting: [], refused: [], held: {} });
  localStorage.clear();
  vi.useRealTimers();
});

it("a message is left to its tab while that lives, and taken over when it has gone, once", async () => {
  const own = ours().client_message_id;
  for (let n = 0; n < 6; n++) await look(own);
  keep(left("x"), left("of somebody else", 2));
  theirs = ["x"];
  for (let n = 0; n < 6; n++) await look(own);
  expect(sent).toEqual([]);
  theirs = [];
  for (let n = 0; n < 6; n++) await look(own);
  expect(sent).toEqual(["x"]);
});

it("a message that was taken over is left to the tab that took it", async () => {
  const own = ours().client_message_id;
  keep(left("x"));
  for (let n = 0; n < 2; n++) await look(own);
  expect(sent).toEqual([]);
  // The other tab looked a moment sooner.
  other.postMessage({ type: "mine", ids: ["x"] });
  theirs = ["x"];
  for (let n = 0; n < 3; n++) await look(own);
  expect(sent).toEqual([]);
});

it("a tab that was loaded again says at once what it has taken up", async () => {
  const own = ours().client_message_id;
  stop();
  stop = begin();
  await vi.waitFor(() => expect(heard).toEqual([{ type: "mine", ids: [own] }]));
});

it("a message that got through in time is nobody's any more", async () => {
  const own = ours().client_message_id;
  keep(left("x"));
  await look(own);
  await look(own);
  localStorage.removeItem("rejoinder.outbox");
  for (let n = 0; n < 3; n++) await look(own);
  expect(sent).toEqual([]);
});

it("ends, and then answers for nothing", async () => {
  const own = ours().client_message_id;
  stop();
  keep(left("x"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toEqual([]);
  // Another page looks: it hears of no owner.
  const second = begin();
  await vi.waitFor(() => expect(heard).toContainEqual({ type: "mine", ids: [own] }));
  heard = [];
  other.postMessage({ type: "whose", ids: [own] });
  await vi.waitFor(() => expect(heard).toContainEqual({ type: "mine", ids: [own] }));
  expect(heard.filter(({ type }) => type === "mine")).toHaveLength(1);
  second();
});
