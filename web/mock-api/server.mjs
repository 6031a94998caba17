// A small stand-in for the server: everything in memory, scripted answers, real sockets.
// It serves the built page as well: `npm run build && npm run mock`, then http://127.0.0.1:8080.
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { answerFor } from "./answers.mjs";
import { createQueue } from "./queue.mjs";
import { seed } from "./seed.mjs";

const PORT = Number(process.env.PORT ?? 8080);
const DIST = fileURLToPath(new URL("../dist", import.meta.url));
const TOKENS_PER_SECOND = Number(process.env.RATE ?? 40);
const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

const state = {
  version: "0.1.0",
  users: [],
  sessions: new Map(),
  conversations: new Map(),
  messages: new Map(),
  runs: new Map(),
  todos: [],
  approvals: [],
  permissions: new Map(),
  sent: new Map(),
  log: [],
  nextId: 1,
};
const sockets = new Set();
const id = () => state.nextId++;
const now = () => new Date().toISOString();
const MODELS = [
  {
    id: "local/smollm2-135m",
    label: "Built-in (SmolLM2 135M)",
    provider: "local",
    built_in: true,
    context_window: 2048,
  },
  {
    id: "openai/scripted",
    label: "Scripted model",
    provider: "openai",
    built_in: false,
    context_window: 128000,
  },
];
/** A provider that did not say what it has, by the name in SILENT. */
const UNLISTED = [process.env.SILENT].filter(Boolean).map((provider) => ({
  provider,
  code: "model_unreachable",
  detail: `${provider} can't be reached at http://127.0.0.1:8000/v1: connection refused. Check the address and that it is running.`,
}));

class Refusal extends Error {
  constructor(status, code, detail, errors) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}

// ---- the feed

function publish(type, data, conversation_id = null) {
  const frame = { type, data, conversation_id, cursor: String(state.log.length + 1) };
  state.log.push(frame);
  for (const socket of sockets) deliver(socket, frame);
}

function deliver(socket, frame) {
  if (frame.type === "delta" && !socket.watching.has(frame.conversation_id)) return;
  socket.send(JSON.stringify(frame));
}

const cursor = () => String(state.log.length);

const lastId = (list) => list.at(-1)?.id ?? null;

function newMessage(fields) {
  const message = {
    id: id(),
    content: "",
    tool_name: null,
    tool_success: null,
    timestamp: now(),
    additional_data: null,
    client_message_id: null,
    parent_id: null,
    run_id: null,
    status: "complete",
    revision: 1,
    offsets: { text: 0, reasoning: 0, tool_arguments: 0 },
    ...fields,
  };
  message.siblings = [message.id];
  return message;
}

function saveMessage(fields) {
  const list = state.messages.get(fields.conversation_id);
  const message = newMessage({ parent_id: lastId(list), ...fields });
  list.push(message);
  touch(fields.conversation_id);
  publish("message", { ...message }, fields.conversation_id);
  return message;
}

function change(message, fields) {
  Object.assign(message, fields);
  message.offsets = { text: Buffer.byteLength(message.content), reasoning: 0, tool_arguments: 0 };
  publish("message", { ...message }, message.conversation_id);
}

function touch(conversationId, fields = {}) {
  const conversation = state.conversations.get(conversationId);
  const list = state.messages.get(conversationId);
  // Deleted while it was being answered in.
  if (!conversation) return;
  Object.assign(conversation, { updated_at: now(), message_count: list.length }, fields);
  publish("conversation", { ...conversation }, conversationId);
}

// ---- runs

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const queue = createQueue({ Refusal, publish, newMessage, touch, begin, lastId });

/** Takes the conversation's turn; what waits follows. */
function begin(run) {
  state.conversations.get(run.conversation_id).active_run = { run_id: run.run_id, state: "queued" };
  publish("run", { run_id: run.run_id, state: "queued", step: 0 }, run.conversation_id);
  setTimeout(async () => {
    await execute(run);
    queue.next(run.conversation_id, state.messages.get(run.conversation_id));
  }, 50);
}

async function execute(run) {
  const { conversation_id } = run;
  const say = (type, data) => publish(type, data, conversation_id);
  const runState = (value, extra = {}) => {
    run.state = value;
    touch(conversation_id, {
      active_run: ["queued", "running", "awaiting_approval"].includes(value)
        ? { run_id: run.run_id, state: value }
        : null,
    });
    say("run", { run_id: run.run_id, state: value, step: run.step, message_id: run.message?.id, ...extra });
  };
  runState("running");
  for (const part of answerFor(run.prompt)) {
    run.step += 1;
    say("typing", { role: "assistant", state: "thinking" });
    run.message ??= saveMessage({ ...run.base, status: "queued", content: "" });
    await wait(part.think ?? 600);
    if (run.cancelled) break;
    if (part.text) await stream(run, part.text, say);
    if (run.cancelled) break;
    if (part.fail) {
      const error = { code: "model_unavailable", detail: part.fail, retryable: true };
      change(run.message, { status: "failed", additional_data: { ...run.base.additional_data, error } });
      return runState("failed", { error });
    }
    change(run.message, { status: "complete" });
    if (part.tool) await callTool(run, part.tool, say, runState);
    if (run.cancelled) break;
    run.message = part.tool ? null : run.message;
  }
  if (run.cancelled) {
    if (run.message) change(run.message, { status: run.interrupted ? "interrupted" : "cancelled" });
    return runState("cancelled");
  }
  runState("completed");
}

async function stream(run, text, say) {
  const { message } = run;
  say("typing", { role: "assistant", state: "writing" });
  for (const token of text.match(/\s*\S+\s*?/g) ?? []) {
    if (run.cancelled) return;
    if (message.status !== "streaming") change(message, { status: "streaming" });
    const offset = Buffer.byteLength(message.content);
    message.content += token;
    message.offsets.text = Buffer.byteLength(message.content);
    say("delta", {
      message_id: message.id,
      revision: message.revision,
      offset,
      channel: "text",
      text: token,
    });
    await wait(1000 / TOKENS_PER_SECOND);
  }
}

/** Waits for the user's word; resolves to it, or to a denial when the run is stopped. */
async function ask(run, call, args, say, runState) {
  const approval = {
    approval_id: randomUUID(),
    conversation_id: run.conversation_id,
    run_id: run.run_id,
    call_id: call.additional_data.call_id,
    tool_name: call.tool_name,
    arguments: args,
    arguments_hash: randomUUID(),
    decision: null,
    scope: null,
    target: null,
    created_at: now(),
    decided_at: null,
  };
  state.approvals.push(approval);
  runState("awaiting_approval");
  say("approval", { ...approval });
  while (approval.decision === null && !run.cancelled) await wait(50);
  if (approval.decision === null) decide(approval, "deny");
  runState("running");
  return approval.decision;
}

const permitted = (conversationId) => state.permissions.get(conversationId) ?? [];
const isPermitted = (conversationId, name) =>
  permitted(conversationId).some(({ tool_name }) => tool_name === name);

function decide(approval, decision, scope = "once") {
  const { conversation_id, tool_name } = approval;
  Object.assign(approval, { decision, scope, decided_at: now() });
  if (decision === "approve" && scope === "conversation" && !isPermitted(conversation_id, tool_name)) {
    state.permissions.set(conversation_id, [...permitted(conversation_id), { tool_name, created_at: now() }]);
  }
  publish("approval", { ...approval }, approval.conversation_id);
  return approval;
}

async function callTool(run, { name, args, result, asks = false, success = "true" }, say, runState) {
  const call_id = randomUUID();
  const base = { conversation_id: run.conversation_id, run_id: run.run_id, tool_name: name };
  say("typing", { role: "assistant", state: "tool", detail: name });
  const free = asks && isPermitted(run.conversation_id, name);
  const call = saveMessage({
    ...base,
    role: "assistant",
    message_type: "tool_call",
    content: JSON.stringify(args),
    additional_data: {
      call_id,
      arguments: args,
      state: asks && !free ? "intended" : "running",
      ...(free && { permitted: "conversation" }),
    },
  });
  const denied = asks && !free && (await ask(run, call, args, say, runState)) === "deny";
  if (!denied) {
    say("tool", { call_id, name, state: "running" });
    await wait(900);
  }
  const state_ = denied ? "denied" : success === "true" ? "succeeded" : "failed";
  change(call, { additional_data: { ...call.additional_data, state: state_ } });
  say("tool", { call_id, name, state: state_ });
  saveMessage({
    ...base,
    role: "tool",
    message_type: "tool_result",
    tool_success: denied ? "false" : success,
    content: denied ? "The user did not allow this call." : JSON.stringify(result),
    additional_data: { call_id, result: denied ? null : result },
  });
}

function startRun(conversation_id, prompt, model) {
  const chosen = MODELS.find((each) => each.id === model) ?? MODELS[0];
  const run_id = randomUUID();
  const run = { run_id, conversation_id, prompt, step: 0, state: "queued", cancelled: false, message: null };
  run.base = {
    conversation_id,
    run_id,
    role: "assistant",
    message_type: "assistant_response",
    additional_data: { model: chosen.id, built_in: chosen.built_in },
  };
  state.runs.set(run_id, run);
  return run;
}

/** Ends what goes on in the conversation; its words stay. */
function interrupt({ run_id }) {
  Object.assign(state.runs.get(run_id), { cancelled: true, interrupted: true });
}

function accept(user, { content, client_message_id, model, on_busy = "reject" }, conversationId) {
  const known = client_message_id && state.sent.get(client_message_id);
  if (known) return known;
  if (typeof content !== "string" || [...content].length < 1 || [...content].length > 10000) {
    throw new Refusal(422, "invalid", "The message must have 1 to 10,000 characters.");
  }
  if (content === "refuse")
    throw new Refusal(409, "queue_full", "As many messages of this conversation wait as may.");
  if (conversationId && !state.conversations.has(conversationId)) {
    throw new Refusal(404, "not_found", "There is no such conversation.");
  }
  const conversation_id = conversationId ?? randomUUID();
  if (!conversationId) {
    state.messages.set(conversation_id, []);
    state.conversations.set(conversation_id, {
      id: id(),
      conversation_id,
      user_id: user.id,
      user_input: content,
      focus_areas: null,
      last_tool_result: null,
      title: content.slice(0, 48),
      pinned: false,
      archived: false,
      tags: [],
      model: model ?? null,
      agent_id: null,
      active_run: null,
      step_count: 0,
      message_count: 0,
      created_at: now(),
      updated_at: now(),
    });
  }
  const active = state.conversations.get(conversation_id).active_run;
  if (active && on_busy === "reject") refuseBusy(active);
  const run = startRun(conversation_id, content, model);
  const fields = {
    conversation_id,
    role: "user",
    message_type: "user_input",
    content,
    client_message_id: client_message_id ?? null,
    run_id: run.run_id,
  };
  const message = active ? queue.add(run, fields) : saveMessage(fields);
  const accepted = { message, user_message: message, conversation_id, run_id: run.run_id };
  if (client_message_id) state.sent.set(client_message_id, accepted);
  if (!active) begin(run);
  else if (on_busy === "interrupt") interrupt(active);
  return accepted;
}

function refuseBusy({ state: busy }) {
  if (busy === "awaiting_approval") {
    throw new Refusal(409, "run_awaiting_approval", "A call in this conversation waits for your approval.");
  }
  throw new Refusal(409, "run_active", "The assistant is still answering in this conversation.");
}

function regenerate(conversationId, messageId, key) {
  const known = key && state.sent.get(key);
  if (known) return known;
  const active = state.conversations.get(conversationId)?.active_run;
  if (active) refuseBusy(active);
  const list = state.messages.get(conversationId);
  const at = list?.findIndex((message) => message.id === messageId) ?? -1;
  if (at < 0) throw new Refusal(404, "not_found", "There is no such message.");
  const old = list[at];
  const question = list.slice(0, at).findLastIndex((message) => message.role === "user");
  list.splice(question + 1);
  const run = startRun(conversationId, list[question].content, old.additional_data?.model);
  run.message = saveMessage({ ...run.base, status: "queued" });
  run.message.siblings = [...old.siblings, run.message.id];
  begin(run);
  const accepted = { run_id: run.run_id, conversation_id: conversationId, ai_message: { ...run.message } };
  if (key) state.sent.set(key, accepted);
  return accepted;
}

// ---- requests

const publicUser = ({ password: _, ...user }) => user;

function tokens(user, response, session = randomUUID()) {
  state.sessions.set(session, {
    session_id: session,
    user,
    user_agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/142",
    created_at: now(),
    last_used_at: now(),
  });
  response.setHeader("set-cookie", `rejoinder_refresh=${session}; HttpOnly; SameSite=Strict; Path=/`);
  return {
    access_token: session,
    refresh_token: session,
    token_type: "bearer",
    expires_in: 600,
    mfa_required: false,
    user: publicUser(user),
  };
}

function addUser({ email, password, full_name, role = "user" }) {
  if ((password ?? "").length < 8) {
    throw new Refusal(422, "invalid", "The password is too short.", [
      { pointer: "/password", message: "Use at least 8 characters." },
    ]);
  }
  if (state.users.some((user) => user.email === email)) {
    throw new Refusal(409, "email_taken", "An account with this e-mail exists.");
  }
  const user = { id: id(), email, full_name, password, created_at: now(), disabled: false };
  user.role = state.users.length ? role : "admin";
  state.users.push(user);
  return user;
}

const routes = {
  "GET /meta": () => ({
    name: "Rejoinder",
    version: state.version,
    first_start: state.users.length === 0,
    registration: "closed",
    setup_code_required: false,
    password_reset_command: "rejoinder user passwd EMAIL",
  }),
  "POST /auth/register": ({ body }) => publicUser(addUser(body)),
  "POST /auth/login": ({ body, response }) => {
    const user = state.users.find((each) => each.email === body.email && each.password === body.password);
    if (!user) throw new Refusal(401, "invalid_credentials", "The e-mail or the password is wrong.");
    return tokens(user, response);
  },
  "POST /auth/refresh": ({ request, response }) => {
    const session = /rejoinder_refresh=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1];
    const known = state.sessions.get(session);
    if (!known) throw new Refusal(401, "unauthenticated", "Sign in first.");
    return tokens(known.user, response, session);
  },
  "POST /auth/logout": ({ session }) => void state.sessions.delete(session),
  "POST /auth/logout-all": () => void state.sessions.clear(),
  "POST /auth/password": ({ user, body }) => {
    if (user.password !== body.current_password) {
      throw new Refusal(422, "invalid", "The current password is wrong.");
    }
    user.password = body.new_password;
  },
  "GET /auth/me": ({ user }) => publicUser(user),
  "PATCH /auth/me": ({ user, body }) => publicUser(Object.assign(user, { full_name: body.full_name })),
  "GET /auth/sessions": ({ session }) => ({
    sessions: [...state.sessions.values()].map(({ user: _, ...rest }) => ({
      ...rest,
      current: rest.session_id === session,
    })),
  }),
  "DELETE /auth/sessions/:id": ({ params }) => void state.sessions.delete(params[0]),
  "GET /admin/users": () => ({ users: state.users.map(publicUser) }),
  "POST /admin/users": ({ body }) => publicUser(addUser(body)),
  "PATCH /admin/users/:id": ({ params, body }) =>
    publicUser(
      Object.assign(
        state.users.find((user) => user.id === Number(params[0])),
        body,
      ),
    ),
  "GET /models": () => ({ models: MODELS, default: MODELS[0].id, unlisted: UNLISTED }),
  "POST /chat/ws-ticket": ({ session }) => ({ ticket: session, expires_in: 30 }),
  "POST /chat/messages": ({ user, body, response }) => {
    response.statusCode = 202;
    return accept(user, body, body.conversation_id ?? null);
  },
  "GET /chat/conversations": ({ query }) => {
    const all = [...state.conversations.values()].sort((a, b) => (a.updated_at < b.updated_at ? 1 : -1));
    const size = Number(query.get("per_page") ?? 20);
    const start = Number(query.get("cursor") ?? 0);
    const next = start + size < all.length ? String(start + size) : null;
    return {
      conversations: all.slice(start, start + size),
      total: all.length,
      page: 1,
      per_page: size,
      next_cursor: next,
    };
  },
  "GET /chat/conversations/:id": ({ params }) => found(state.conversations.get(params[0])),
  "PATCH /chat/conversations/:id": ({ params, body }) => {
    const conversation = found(state.conversations.get(params[0]));
    Object.assign(conversation, body);
    publish("conversation", { ...conversation }, params[0]);
    return conversation;
  },
  "DELETE /chat/conversations/:id": ({ params }) => {
    found(state.conversations.get(params[0]));
    state.conversations.delete(params[0]);
    state.messages.delete(params[0]);
    publish("conversation", { conversation_id: params[0], deleted: true }, params[0]);
    return { message: "Conversation deleted successfully" };
  },
  "GET /chat/conversations/:id/messages": ({ params, query, response }) => {
    const list = found(state.messages.get(params[0]));
    const before = query.get("before");
    const end = before ? list.findIndex((message) => message.id === Number(before)) : list.length;
    const start = Math.max(0, end - Number(query.get("limit") ?? 50));
    response.setHeader("x-cursor", cursor());
    response.setHeader("link", start > 0 ? '<?before>; rel="prev"' : '<?after>; rel="next"');
    const page = list.slice(start, end);
    return before ? page : [...page, ...queue.messages(params[0])];
  },
  "PATCH /chat/conversations/:id/messages/:id": ({ params, body }) =>
    queue.change(params[0], Number(params[1]), body.content),
  "DELETE /chat/conversations/:id/messages/:id": ({ params }) => queue.remove(params[0], Number(params[1])),
  "GET /chat/conversations/:id/permissions": ({ params }) => ({ permissions: permitted(params[0]) }),
  "DELETE /chat/conversations/:id/permissions/:id": ({ params }) => {
    found(isPermitted(params[0], params[1]));
    state.permissions.set(
      params[0],
      permitted(params[0]).filter(({ tool_name }) => tool_name !== params[1]),
    );
    touch(params[0]);
  },
  "POST /chat/conversations/:id/messages/:id/regenerate": ({ params, request, response }) => {
    response.statusCode = 202;
    return regenerate(params[0], Number(params[1]), request.headers["idempotency-key"]);
  },
  "POST /chat/runs/:id/cancel": ({ params }) => {
    found(state.runs.get(params[0])).cancelled = true;
    return {};
  },
  "GET /chat/approvals": () => ({ approvals: state.approvals.filter((each) => each.decision === null) }),
  "POST /chat/approvals/:id": ({ params, body }) => {
    const approval = found(state.approvals.find((each) => each.approval_id === params[0]));
    if (approval.decision) throw new Refusal(409, "already_decided", "This call has been decided already.");
    if (approval.arguments_hash !== body.arguments_hash) {
      throw new Refusal(409, "arguments_changed", "The approval is bound to other arguments.");
    }
    return decide(approval, body.decision, body.scope);
  },
  "GET /todos": () => ({ todos: state.todos }),
  "POST /todos": ({ body }) => {
    const todo = { id: id(), done: false, due_at: null, ...body, created_at: now(), updated_at: now() };
    state.todos.push(todo);
    publish("todo", todo);
    return todo;
  },
  "PATCH /todos/:id": ({ params, body }) => {
    const todo = found(state.todos.find((each) => each.id === Number(params[0])));
    publish("todo", Object.assign(todo, body, { updated_at: now() }));
    return todo;
  },
  "DELETE /todos/:id": ({ params }) => {
    state.todos = state.todos.filter((todo) => todo.id !== Number(params[0]));
    publish("todo", { id: Number(params[0]), deleted: true });
  },
  // For trying out: a new version, and every socket cut.
  "POST /mock/upgrade": () => {
    state.version = "0.2.0";
  },
  "POST /mock/cut": () => {
    for (const socket of sockets) socket.terminate();
  },
};

const compiled = Object.entries(routes).map(([key, handler]) => {
  const [method, path] = key.split(" ");
  return { method, pattern: new RegExp(`^/api/v1${path.replaceAll(":id", "([^/]+)")}$`), handler, path };
});

function found(value) {
  if (!value) throw new Refusal(404, "not_found", "There is nothing here.");
  return value;
}

async function handleApi(request, response, url) {
  response.setHeader("x-rejoinder-version", state.version);
  try {
    const route = compiled.find((each) => each.method === request.method && each.pattern.test(url.pathname));
    found(route);
    const session = (request.headers.authorization ?? "").replace("Bearer ", "");
    const user = state.sessions.get(session)?.user;
    const open = /^\/(meta|auth\/(register|login|refresh)|mock\/.*)$/.test(route.path);
    if (!open && !user) throw new Refusal(401, "unauthenticated", "Sign in first.");
    const params = route.pattern.exec(url.pathname).slice(1);
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = text ? JSON.parse(text) : {};
    const answer = route.handler({ request, response, user, session, body, params, query: url.searchParams });
    if (answer === undefined) response.writeHead(204).end();
    else response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  } catch (error) {
    const { status = 500, code = "internal", message, errors } = error;
    response.writeHead(status, { "content-type": "application/problem+json" });
    response.end(
      JSON.stringify({
        type: "about:blank",
        title: code,
        status,
        detail: message,
        code,
        request_id: "mock",
        errors,
      }),
    );
  }
}

function servePage(response, path) {
  const file = join(DIST, normalize(path));
  const asset = existsSync(file) && statSync(file).isFile() ? file : join(DIST, "index.html");
  response.setHeader("content-type", TYPES[extname(asset)] ?? "application/octet-stream");
  if (existsSync(`${asset}.br`)) response.setHeader("content-encoding", "br");
  response.end(readFileSync(existsSync(`${asset}.br`) ? `${asset}.br` : asset));
}

const server = createServer((request, response) => {
  const url = new URL(request.url, "http://mock");
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  if (url.pathname.startsWith("/api/")) void handleApi(request, response, url);
  else servePage(response, url.pathname);
});

// ---- the socket

const upgrades = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, raw, head) => {
  const url = new URL(request.url, "http://mock");
  const user = state.sessions.get(url.searchParams.get("token"))?.user;
  if (!user) return raw.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
  upgrades.handleUpgrade(request, raw, head, (socket) => open(socket, user, url.searchParams));
});

function open(socket, user, query) {
  socket.watching = new Set((query.get("watch") ?? "").split(",").filter(Boolean));
  const since = query.get("since");
  socket.send(
    JSON.stringify({
      type: "connection",
      data: { status: "ready", cursor: cursor(), version: state.version, user_id: user.id },
    }),
  );
  if (since !== null) for (const frame of state.log.slice(Number(since))) deliver(socket, frame);
  for (const conversationId of socket.watching) sendOpenMessage(socket, conversationId);
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  socket.on("message", (raw) => receive(socket, user, JSON.parse(raw)));
}

function sendOpenMessage(socket, conversationId) {
  const message = state.messages.get(conversationId)?.findLast(({ status }) => status === "streaming");
  if (message)
    socket.send(
      JSON.stringify({ type: "message", data: message, conversation_id: conversationId, cursor: cursor() }),
    );
}

function receive(socket, user, { type, data, conversation_id }) {
  const reply = (frame) => socket.send(JSON.stringify(frame));
  if (type === "ping") reply({ type: "pong", data: { cursor: cursor() } });
  else if (type === "unwatch") socket.watching.delete(conversation_id);
  else if (type === "stop") Object.assign(state.runs.get(data.run_id) ?? {}, { cancelled: true });
  else if (type === "watch") {
    socket.watching.add(conversation_id);
    sendOpenMessage(socket, conversation_id);
  } else if (type === "message") {
    try {
      const { message, conversation_id: id_, run_id } = accept(user, data, conversation_id);
      socket.watching.add(id_);
      reply({
        type: "ack",
        data: { client_message_id: data.client_message_id, message, conversation_id: id_, run_id },
        conversation_id: id_,
      });
    } catch ({ status = 500, code = "internal", message }) {
      reply({
        type: "error",
        data: { status, code, detail: message, client_message_id: data.client_message_id },
      });
    }
  }
}

if (process.env.SEED) seed(state, { addUser, id });
server.listen(PORT, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
