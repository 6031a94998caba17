import { HttpResponse, http } from "msw";
import { describe, expect, it } from "vitest";
import { FakeSocket } from "./fakeSocket";
import { connected, server, signedInAgain, withLiveConnection } from "./liveHarness";
import { stopRun } from "./stopping";
import { at } from "./testData";
import { useWritable } from "./writable";

withLiveConnection();

const run = (run_id: string, state: string) =>
  FakeSocket.last.receive({ type: "run", data: { run_id, state }, conversation_id: run_id });
const stops = () => FakeSocket.last.sent.filter(({ type }) => type === "stop");
const refuse = () =>
  FakeSocket.last.receive({ type: "error", data: { status: 503, code: "not_writable", detail: "Not now." } });
const canStore = () => useWritable.setState({ writable: true });

describe("a run", () => {
  it("is stopped over the socket, or by a request while it is away", async () => {
    await stopRun("r", "c1");
    expect(FakeSocket.last.sent.at(-1)).toEqual({
      type: "stop",
      data: { run_id: "r" },
      conversation_id: "c1",
    });
    let cancelled = 0;
    server.use(
      http.post(at("/chat/runs/r/cancel"), () => {
        cancelled += 1;
        return HttpResponse.json({});
      }),
    );
    FakeSocket.last.drop();
    await stopRun("r", "c1");
    expect(cancelled).toBe(1);
  });

  it("is stopped on the next socket where its stop went down with one, if it goes on", async () => {
    for (const id of ["goes-on", "ended"]) {
      run(id, "running");
      await stopRun(id, id);
    }
    run("ended", "cancelled");
    FakeSocket.last.drop();
    await connected();
    expect(stops()).toMatchObject([{ data: { run_id: "goes-on" }, conversation_id: "goes-on" }]);
    run("goes-on", "cancelled");
    FakeSocket.last.drop();
    await connected();
    expect(stops()).toEqual([]);
  });

  it("whose stop could not be recorded is stopped once it can be, where it goes on", async () => {
    for (const id of ["goes-on", "ended"]) {
      run(id, "running");
      await stopRun(id, id);
    }
    refuse();
    run("ended", "completed");
    expect(stops()).toHaveLength(2);
    canStore();
    expect(stops().slice(2)).toMatchObject([{ data: { run_id: "goes-on" }, conversation_id: "goes-on" }]);
  });

  it("of an account that is gone is nobody's to stop", async () => {
    run("r", "running");
    await stopRun("r", "r");
    refuse();
    await signedInAgain(2);
    canStore();
    expect(stops()).toEqual([]);
  });
});
