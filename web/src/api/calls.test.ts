import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { activity, useActivity } from "./activityStore";
import { decideCall } from "./calls";
import { permissionsQuery, revokePermission } from "./permissions";
import { keys, queryClient } from "./queryClient";
import { signIn } from "./session";
import { at, tokens } from "./testData";

const sent: unknown[] = [];
let answer: () => Response;
let permitted: { tool_name: string; created_at: string }[] = [];

const server = setupServer(
  http.post(at("/chat/calls/x1"), async ({ request }) => {
    sent.push(await request.json());
    return answer();
  }),
  http.get(at("/chat/conversations/c1/permissions"), () => HttpResponse.json({ permissions: permitted })),
  http.delete(at("/chat/conversations/c1/permissions/:tool"), () => answer()),
);

const problem = (status: number, code: string) => () =>
  HttpResponse.json({ type: "", title: "", status, code, detail: code }, { status });

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(() => {
  sent.length = 0;
  signIn(tokens());
});
afterEach(() => {
  queryClient.clear();
  activity.clear();
});

describe("a call of unknown outcome", () => {
  it("is told what became of it", async () => {
    answer = () => HttpResponse.json({ call_id: "x1", retried_by: null });
    expect(await decideCall("c1", "x1", "did_not_happen")).toBe("taken");
    expect(sent).toEqual([{ decision: "did_not_happen" }]);
    expect(useActivity.getState().runs).toEqual({});
  });

  it("that is made once more begins a run", async () => {
    answer = () => HttpResponse.json({ call_id: "x1", retried_by: { call_id: "x2", run_id: "r2" } });
    expect(await decideCall("c1", "x1", "retry")).toBe("taken");
    expect(useActivity.getState().runs.c1).toEqual({ run_id: "r2", state: "queued" });
  });

  it("does not bring back a run that has ended meanwhile", async () => {
    activity.setRun("c1", { run_id: "r2", state: "completed" });
    answer = () => HttpResponse.json({ call_id: "x1", retried_by: { call_id: "x2", run_id: "r2" } });
    await decideCall("c1", "x1", "retry");
    expect(useActivity.getState().runs.c1?.state).toBe("completed");
  });

  it.each([
    [409, "already_decided", "decided-before"],
    [409, "call_not_unknown", "decided-before"],
    [409, "run_active", "busy"],
    [409, "run_awaiting_approval", "busy"],
    [409, "tool_unavailable", "unavailable"],
    [404, "not_found", "gone"],
  ])("is left as it is where the server says %i %s", async (status, code, outcome) => {
    answer = problem(status, code);
    expect(await decideCall("c1", "x1", "retry")).toBe(outcome);
  });

  it("is not given up where the server could not be asked", async () => {
    answer = problem(503, "not_writable");
    await expect(decideCall("c1", "x1", "happened")).rejects.toThrow("not_writable");
  });
});

describe("a permission", () => {
  it("is gone once it is taken back, here or elsewhere", async () => {
    for (const status of [204, 404]) {
      permitted = [{ tool_name: "send_mail", created_at: "2026-01-01T00:00:00.000Z" }];
      const known = await queryClient.fetchQuery({ ...permissionsQuery("c1"), staleTime: 0 });
      expect(known).toEqual(permitted);
      permitted = [];
      answer = status === 204 ? () => new HttpResponse(null, { status }) : problem(404, "not_found");
      await revokePermission("c1", "send_mail");
      expect(queryClient.getQueryState(keys.permissions("c1"))?.isInvalidated).toBe(true);
    }
  });
});
