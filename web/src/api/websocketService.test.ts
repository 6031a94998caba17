import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "./activityStore";
import { FakeSocket } from "./fakeSocket";
import type { ServerFrame } from "./frames";
import { WebsocketService } from "./websocketService";

let frames: ServerFrame[];
let states: Connection[];
let readies: boolean[];
let tickets: number;
let ticketFails: boolean;
let service: WebsocketService;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  frames = [];
  states = [];
  readies = [];
  tickets = 0;
  ticketFails = false;
  service = new WebsocketService({
    ticket: async () => {
      tickets += 1;
      if (ticketFails) throw new Error("offline");
      return `ticket-${tickets}`;
    },
    renewToken: async () => "renewed",
    onFrame: (frame) => frames.push(frame),
    onState: (state) => states.push(state),
    onReady: (fresh) => readies.push(fresh),
    WebSocket: FakeSocket,
  });
});

afterEach(() => {
  service.stop();
  vi.useRealTimers();
});

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

async function open(data = { cursor: "10" }): Promise<FakeSocket> {
  service.start();
  await settle();
  FakeSocket.last.ready(data);
  return FakeSocket.last;
}

describe("connecting", () => {
  it("uses a ticket and, the first time, no cursor", async () => {
    service.watch("c1");
    const socket = await open();
    expect(socket.url).toMatch(/^ws:\/\/localhost:3000\/api\/v1\/chat\/ws\?/);
    expect([...socket.query]).toEqual([
      ["token", "ticket-1"],
      ["watch", "c1"],
    ]);
    expect(readies).toEqual([true]);
    expect(states).toEqual(["open"]);
  });

  it("tries again until there is a ticket", async () => {
    ticketFails = true;
    service.start();
    await settle(5_000);
    expect(tickets).toBeGreaterThan(2);
    expect(FakeSocket.all).toHaveLength(0);
    ticketFails = false;
    await settle(6_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("asks for at most eight conversations, the latest", async () => {
    for (let index = 1; index <= 10; index += 1) service.watch(`c${index}`);
    const socket = await open();
    expect(socket.query.get("watch")?.split(",")).toEqual(["c3", "c4", "c5", "c6", "c7", "c8", "c9", "c10"]);
  });
});

describe("resuming", () => {
  it("goes on from the last frame that was handed over", async () => {
    const first = await open();
    first.receive({ type: "typing", data: { role: "assistant", state: "idle" }, cursor: "14" });
    first.drop();
    expect(states).toEqual(["open", "reconnecting"]);
    await settle(2_000);
    expect(FakeSocket.all).toHaveLength(2);
    expect(FakeSocket.last.query.get("since")).toBe("14");
    expect(FakeSocket.last.query.get("token")).toBe("ticket-2");
    FakeSocket.last.ready({ cursor: "99" });
    expect(readies).toEqual([true, false]);
    // The server's own cursor is ahead of a replay that may be cut again: not taken.
    FakeSocket.last.drop();
    await settle(2_000);
    expect(FakeSocket.last.query.get("since")).toBe("14");
  });

  it("takes the cursor of a pong, which passes what was not asked for", async () => {
    const first = await open();
    first.receive({ type: "pong", data: { cursor: "20" } });
    first.drop();
    await settle(2_000);
    expect(FakeSocket.last.query.get("since")).toBe("20");
  });

  it("starts over from the cursor of a reset", async () => {
    const first = await open();
    first.receive({ type: "reset", data: { cursor: "500" } });
    expect(frames.at(-1)?.type).toBe("reset");
    first.drop();
    await settle(2_000);
    expect(FakeSocket.last.query.get("since")).toBe("500");
  });

  it("watches the same conversations again", async () => {
    service.watch("c1");
    service.watch("c2");
    const first = await open();
    service.unwatch("c1");
    first.drop();
    await settle(2_000);
    expect(FakeSocket.last.query.get("watch")).toBe("c2");
  });
});

describe("a connection that only looks open", () => {
  it("is given up when a ping stays without any answer", async () => {
    await open();
    await settle(25_000);
    expect(FakeSocket.last.sent.at(-1)?.type).toBe("ping");
    await settle(10_000);
    expect(states).toEqual(["open", "reconnecting"]);
    await settle(1_000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("is kept when anything comes", async () => {
    const socket = await open();
    await settle(25_000);
    socket.receive({ type: "pong", data: {} });
    await settle(12_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("is checked at once when the page is looked at again", async () => {
    const socket = await open();
    document.dispatchEvent(new Event("visibilitychange"));
    expect(socket.sent.map(({ type }) => type)).toEqual(["ping"]);
  });
});

describe("frames", () => {
  it("go out only while open", async () => {
    expect(service.send({ type: "ping", data: {}, conversation_id: null })).toBe(false);
    const socket = await open();
    service.watch("c9");
    expect(socket.sent).toEqual([{ type: "watch", data: {}, conversation_id: "c9" }]);
    socket.drop();
    expect(service.send({ type: "stop", data: { run_id: "r" }, conversation_id: "c9" })).toBe(false);
    await settle(2_000);
    expect(FakeSocket.last.sent).toEqual([]);
  });

  it("that are no JSON do no harm", async () => {
    const socket = await open();
    socket.dispatchEvent(new MessageEvent("message", { data: "{" }));
    expect(service.isOpen).toBe(true);
  });

  it("about an expiring login are answered with a new token, in band", async () => {
    const socket = await open();
    socket.receive({ type: "connection", data: { status: "auth_expiring" } });
    await settle();
    expect(socket.sent).toEqual([{ type: "auth", data: { token: "renewed" }, conversation_id: null }]);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("about draining move the connection within two seconds", async () => {
    const socket = await open();
    socket.receive({ type: "connection", data: { status: "draining" } });
    await settle(2_100);
    expect(FakeSocket.all).toHaveLength(2);
    expect(socket.readyState).toBe(3);
  });
});

it("stopping ends it for good", async () => {
  const socket = await open();
  service.stop();
  await settle(60_000);
  expect(FakeSocket.all).toHaveLength(1);
  expect(socket.readyState).toBe(3);
});
