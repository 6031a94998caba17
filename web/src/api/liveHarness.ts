import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { FakeSocket } from "./fakeSocket";
import { startLive } from "./live";
import { useOutbox } from "./outbox";
import { queryClient } from "./queryClient";
import { sendMessage } from "./sending";
import { signIn } from "./session";
import { at, message, tokens } from "./testData";

// The live connection of a signed-in user, for tests: a socket in the test's hands, requests that
// are answered here, and a clock that stands.

/** The messages that came by plain requests. */
export const posted: Record<string, unknown>[] = [];
let socketsAllowed = true;

export const server = setupServer(
  http.post(at("/chat/ws-ticket"), () =>
    socketsAllowed ? HttpResponse.json({ ticket: "t", expires_in: 30 }) : HttpResponse.error(),
  ),
  http.post(at("/chat/messages"), async ({ request }) => {
    posted.push((await request.json()) as Record<string, unknown>);
    const user_message = message({ id: 1, role: "user", content: "hi", conversation_id: "c-new" });
    return HttpResponse.json({ user_message, conversation_id: "c-new", run_id: "r1" }, { status: 202 });
  }),
  // Asked for after a refusal because nothing can be stored.
  http.get("http://localhost:3000/ready", () => HttpResponse.json({ status: "ready" })),
);

let stop: () => void;

/** The page goes, and comes back as this user's; nothing but what it stored is left. */
export async function reload(userId = 1): Promise<FakeSocket> {
  useOutbox.setState({ waiting: [], refused: [], held: {} });
  return await signedInAgain(userId);
}

/** The session ended, and this user has signed in on the same page. */
export async function signedInAgain(userId = 1): Promise<FakeSocket> {
  stop();
  stop = startLive(userId);
  return await connected(FakeSocket.all.length + 1);
}

/** Each test of the file begins with a socket that is open. */
export function withLiveConnection(): void {
  beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
  afterAll(() => server.close());

  beforeEach(async () => {
    vi.stubGlobal("WebSocket", FakeSocket);
    FakeSocket.all = [];
    posted.length = 0;
    socketsAllowed = true;
    useOutbox.setState({ waiting: [], refused: [], held: {} });
    signIn(tokens());
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval", "Date"] });
    stop = startLive(1);
    await connected();
  });

  afterEach(() => {
    stop();
    queryClient.clear();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    server.resetHandlers();
  });
}

export const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

/** Waits for things that do not depend on the clock, such as a request. */
export async function eventually(check: () => void): Promise<void> {
  await vi.waitFor(async () => {
    await vi.advanceTimersByTimeAsync(20);
    check();
  });
}

export async function connected(count = FakeSocket.all.length + 1): Promise<FakeSocket> {
  await eventually(() => expect(FakeSocket.all.length).toBeGreaterThanOrEqual(count));
  FakeSocket.last.ready({ cursor: "1" });
  return FakeSocket.last;
}

/** The server is there for requests, and lets no socket through. */
export function socketless(): void {
  socketsAllowed = false;
  FakeSocket.last.drop();
}

export const sentMessages = (socket: FakeSocket) => socket.sent.filter(({ type }) => type === "message");

/** The id under which the first message went out. */
export function firstId(): string {
  const data = sentMessages(FakeSocket.last)[0]?.data as { client_message_id: string } | undefined;
  return data?.client_message_id ?? "";
}

export const say = (content: string, conversation_id: string | null = null) =>
  sendMessage({ content, conversation_id, model: null, on_busy: "enqueue" });
