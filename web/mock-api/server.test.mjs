// @vitest-environment node
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";

let child;
let base;
let token;

beforeAll(async () => {
  const server = fileURLToPath(new URL("server.mjs", import.meta.url));
  child = spawn(process.execPath, [server], {
    env: { ...process.env, PORT: "0", RATE: "10000", SEED: "1", SILENT: "vllm" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface(child.stdout)) {
    base = /^listening on (\S+)/.exec(line)?.[1];
    if (base) break;
  }
  const body = { email: "ada@example.org", password: "correct horse" };
  token = (await call("POST", "/auth/login", body)).body.access_token;
});
afterAll(() => child.kill());

async function call(method, path, body, headers = {}) {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : null };
}

const send = (content, conversation_id, on_busy) =>
  call("POST", "/chat/messages", { content, conversation_id, on_busy });
const texts = async (id) =>
  (await call("GET", `/chat/conversations/${id}/messages`)).body
    .filter(({ message_type }) => message_type !== "tool_result")
    .map(({ role, status, content }) => (role === "user" ? `${status}: ${content}` : status));

it("messages wait behind an answer, are changed and removed, and have their turn", async () => {
  const { body } = await send("slow", null);
  const id = body.conversation_id;
  expect(await send("no", id)).toMatchObject({ status: 409, body: { code: "run_active" } });
  const second = (await send("fist", id, "enqueue")).body.user_message;
  expect(second).toMatchObject({ status: "queued", parent_id: null });
  const third = (await send("never", id, "enqueue")).body.user_message;
  const at = (message) => `/chat/conversations/${id}/messages/${message.id}`;
  expect((await call("PATCH", at(second), { content: "fail" })).body.content).toBe("fail");
  expect((await call("DELETE", at(third))).status).toBe(204);
  expect((await texts(id)).at(-1)).toBe("queued: fail");

  // The slow answer is interrupted, the queue goes on in its order.
  await send("last", id, "interrupt");
  await expect
    .poll(() => texts(id), { timeout: 15_000 })
    .toEqual(["complete: slow", "interrupted", "complete: fail", "failed", "complete: last", "complete"]);
  expect(await call("PATCH", at(second), { content: "late" })).toMatchObject({
    status: 409,
    body: { code: "not_queued" },
  });
}, 30_000);

it("a tool that is allowed in a conversation asks no more, until that is taken back", async () => {
  const { body } = await send("mail", null);
  const id = body.conversation_id;
  const waits = async () => (await call("GET", "/chat/approvals")).body.approvals;
  await expect.poll(waits, { timeout: 15_000 }).toHaveLength(1);
  const [approval] = await waits();
  await call("POST", `/chat/approvals/${approval.approval_id}`, {
    decision: "approve",
    arguments_hash: approval.arguments_hash,
    scope: "conversation",
  });
  await call("POST", "/chat/messages", { content: "mail", conversation_id: id, on_busy: "enqueue" });
  await expect.poll(async () => (await texts(id)).length, { timeout: 15_000 }).toBe(8);
  expect(await waits()).toEqual([]);

  const permissions = `/chat/conversations/${id}/permissions`;
  expect((await call("GET", permissions)).body.permissions).toMatchObject([{ tool_name: "send_mail" }]);
  expect((await call("DELETE", `${permissions}/send_mail`)).status).toBe(204);
  expect((await call("GET", permissions)).body.permissions).toEqual([]);
  expect((await call("DELETE", `${permissions}/send_mail`)).status).toBe(404);
}, 30_000);

it("another answer that is asked for twice with one key is one", async () => {
  const { body } = await send("fail", null);
  const id = body.conversation_id;
  await expect.poll(() => texts(id), { timeout: 15_000 }).toEqual(["complete: fail", "failed"]);
  const list = (await call("GET", `/chat/conversations/${id}/messages`)).body;
  const path = `/chat/conversations/${id}/messages/${list.at(-1).id}/regenerate`;
  const once = await call("POST", path, undefined, { "idempotency-key": "k" });
  const again = await call("POST", path, undefined, { "idempotency-key": "k" });
  expect(again.body.run_id).toBe(once.body.run_id);
}, 30_000);

it("names the provider that did not say which models it has", async () => {
  const { body } = await call("GET", "/models");
  expect(body.models.map(({ id }) => id)).toContain(body.default);
  expect(body.unlisted).toEqual([
    { provider: "vllm", code: "model_unreachable", detail: expect.stringContaining("can't be reached") },
  ]);
});
