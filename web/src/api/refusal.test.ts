import { HttpResponse, http } from "msw";
import { describe, expect, it } from "vitest";
import { FakeSocket } from "./fakeSocket";
import {
  eventually,
  firstId,
  posted,
  reload,
  say,
  sentMessages,
  server,
  settle,
  signedInAgain,
  socketless,
  withLiveConnection,
} from "./liveHarness";
import { useOutbox } from "./outbox";
import { keys, queryClient } from "./queryClient";
import { signIn } from "./session";
import { user as account, at, message, tokens } from "./testData";

withLiveConnection();

/** What a server answers to a message that it will never take. */
const NEVER = [
  { status: 403, code: "forbidden" },
  { status: 409, code: "queue_full" },
  { status: 413, code: "body_too_large" },
  { status: 422, code: "validation_failed" },
];

const GONE = [
  { status: 404, code: "not_found" },
  { status: 410, code: "gone" },
];

let user = 0;
/** Each test has an account of its own: drafts are kept beside the storage as well. */
async function writing(content: string, conversation_id: string | null): Promise<void> {
  user += 1;
  signIn(tokens(account({ id: user })));
  await signedInAgain(user);
  say(content, conversation_id);
}
const refuse = (answer: { status: number; code: string }) =>
  FakeSocket.last.receive({
    type: "error",
    data: { ...answer, detail: "For a reason.", client_message_id: firstId() },
  });
const draft = (conversation = "") => localStorage.getItem(`rejoinder.draft.${user}.${conversation}`);

describe("a message that is refused", () => {
  it.each(NEVER)("for $status $code goes back to the input, with the reason", async (answer) => {
    await writing("too much", "c1");
    refuse(answer);
    expect(useOutbox.getState()).toMatchObject({
      waiting: [],
      refused: [{ user_id: user, conversation_id: "c1", reason: "For a reason." }],
    });
    expect(draft("c1")).toBe("too much");
    expect(localStorage.getItem("rejoinder.outbox")).toBeNull();
    await settle(16_000);
    expect(sentMessages(FakeSocket.last)).toHaveLength(1);
  });

  it.each(NEVER)("for $status $code comes back from a request", async (answer) => {
    server.use(
      http.post(at("/chat/messages"), async ({ request }) => {
        posted.push((await request.json()) as Record<string, unknown>);
        return HttpResponse.json({ ...answer, detail: "For a reason." }, { status: answer.status });
      }),
    );
    await writing("nothing", "c1");
    const [{ client_message_id } = { client_message_id: "" }] = useOutbox.getState().waiting;
    socketless();
    await settle(9_000);
    await eventually(() =>
      expect(useOutbox.getState()).toMatchObject({
        waiting: [],
        refused: [{ client_message_id, reason: "For a reason." }],
      }),
    );
    expect(draft("c1")).toBe("nothing");
    expect(posted).toHaveLength(1);
  });

  it("survives a reload though its conversation was not open", async () => {
    await writing("keep me", "c1");
    refuse({ status: 409, code: "queue_full" });
    await reload(user);
    expect(draft("c1")).toBe("keep me");
  });

  it.each(GONE)("for $status $code is kept for a new conversation: its own has no input", async (answer) => {
    await writing("keep me", "c1");
    queryClient.setQueryData(keys.messages("c1"), { messages: [message({ id: 1 })], queued: [] });
    refuse(answer);
    expect([draft("c1"), draft()]).toEqual([null, "keep me"]);
    expect(useOutbox.getState().refused).toMatchObject([
      { conversation_id: null, reason: expect.stringContaining("is gone") },
    ]);
    expect(queryClient.getQueryState(keys.messages("c1"))?.isInvalidated).toBe(true);
  });

  it.each(GONE)("for $status $code where none was begun says what the server said", async (answer) => {
    await writing("first words", null);
    refuse(answer);
    expect(draft()).toBe("first words");
    expect(useOutbox.getState().refused).toMatchObject([{ reason: "For a reason." }]);
  });

  it("is nothing for another account on the same page", async () => {
    await writing("a secret", "c1");
    refuse({ status: 409, code: "queue_full" });
    await signedInAgain(user + 1);
    expect(useOutbox.getState().refused).toEqual([]);
    expect(JSON.stringify(useOutbox.getState())).not.toContain("a secret");
    expect(draft("c1")).toBe("a secret");
  });
});
