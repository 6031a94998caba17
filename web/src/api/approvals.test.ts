import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { approvalsQuery, decide } from "./approvals";
import { receiveFrame } from "./live";
import { keys, queryClient } from "./queryClient";
import { signIn } from "./session";
import { at, tokens } from "./testData";
import type { Approval } from "./types";

const sent: unknown[] = [];
let listed: Approval[] = [];
let answer: () => Response;

const server = setupServer(
  http.get(at("/chat/approvals"), () => HttpResponse.json({ approvals: listed })),
  http.post(at("/chat/approvals/a1"), async ({ request }) => {
    sent.push(await request.json());
    return answer();
  }),
);

const approval = (fields: Partial<Approval> = {}): Approval => ({
  approval_id: "a1",
  call_id: "call",
  run_id: "r1",
  conversation_id: "c1",
  tool_name: "send_mail",
  arguments: { to: "bob" },
  target: null,
  arguments_hash: "hash",
  decision: null,
  scope: null,
  created_at: "2026-01-01T00:00:00.000Z",
  decided_at: null,
  ...fields,
});
const problem = (status: number, code: string) => () =>
  HttpResponse.json({ type: "", title: "", status, code, detail: code }, { status });
const frame = (data: Approval) => receiveFrame({ type: "approval", data, conversation_id: "c1" });
const known = () => queryClient.getQueryData<Approval[]>(keys.approvals)?.map((each) => each.approval_id);
const load = () => queryClient.fetchQuery({ ...approvalsQuery, staleTime: 0 });

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(() => {
  sent.length = 0;
  listed = [];
  signIn(tokens());
});
afterEach(() => queryClient.clear());

describe("approvals", () => {
  it("come and go with the frames, from whichever device they were decided", async () => {
    await load();
    frame(approval());
    frame(approval({ approval_id: "a2" }));
    frame(approval());
    expect(known()).toEqual(["a2", "a1"]);
    frame(approval({ approval_id: "a2", decision: "deny" }));
    expect(known()).toEqual(["a1"]);
  });

  it("are decided with the hash of what was shown", async () => {
    listed = [approval()];
    await load();
    answer = () => HttpResponse.json(approval({ decision: "approve" }));
    expect(await decide(approval(), "approve")).toBe("taken");
    expect(sent).toEqual([{ decision: "approve", arguments_hash: "hash", scope: "once" }]);
    expect(known()).toEqual([]);
  });

  it.each([
    [409, "already_decided", "decided-before"],
    [409, "arguments_changed", "changed"],
    [404, "not_found", "gone"],
  ])("are calmly given up where the server says %i %s", async (status, code, outcome) => {
    answer = problem(status, code);
    expect(await decide(approval(), "deny")).toBe(outcome);
  });

  it("stay where the server could not be asked", async () => {
    listed = [approval()];
    await load();
    answer = problem(503, "not_writable");
    await expect(decide(approval(), "deny")).rejects.toThrow("not_writable");
    expect(known()).toEqual(["a1"]);
  });
});
