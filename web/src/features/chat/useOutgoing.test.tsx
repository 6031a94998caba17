import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { outbox, useOutbox, type Waiting } from "@/api/outbox";
import { useOutgoing } from "./useOutgoing";

const onOpenConversation = vi.fn();
const onRefused = vi.fn();
const look = (conversationId: string | null, userId = 1) =>
  renderHook(() => useOutgoing({ userId, conversationId, onRefused, onOpenConversation }));
const say = (conversation_id: string | null) =>
  outbox.add({ content: "hi", conversation_id, model: null, on_busy: "enqueue", user_id: 1 });
/** Another tab was closed before its message got through. */
function takeOver(conversation_id: string | null): Waiting {
  const left = { ...say(conversation_id), tab: "another", created_at: 0 };
  useOutbox.setState({ waiting: [], refused: [], held: {} });
  localStorage.setItem("rejoinder.outbox", JSON.stringify([left]));
  outbox.takeOver(1, new Set([left.client_message_id]));
  expect(useOutbox.getState().waiting).toEqual([left]);
  return left;
}

beforeEach(() => {
  vi.clearAllMocks();
  localStorage.clear();
  useOutbox.setState({ waiting: [], refused: [], held: {} });
});

it("a first message that arrives opens its conversation, after a reload too", () => {
  const { client_message_id } = say(null);
  useOutbox.setState({ waiting: [] });
  outbox.adopt(1);
  const { result } = look(null);
  expect(result.current).toMatchObject([{ client_message_id }]);
  act(() => outbox.acknowledge(client_message_id, "c1"));
  expect(onOpenConversation.mock.calls).toEqual([["c1"]]);
});

it("a first message that another tab left behind leads nobody away from what is written here", () => {
  const { client_message_id } = takeOver(null);
  const { result } = look(null);
  expect(result.current).toEqual([]);
  act(() => outbox.acknowledge(client_message_id, "c1"));
  expect(onOpenConversation).not.toHaveBeenCalled();
});

it("what another tab left behind is shown in its own conversation", () => {
  const left = takeOver("c1");
  expect(look("c1").result.current).toEqual([left]);
});

it("why a message was refused is said once, in its conversation, to who wrote it", () => {
  const { client_message_id } = say("c1");
  outbox.refuse(client_message_id, "Too many.");
  look("c2");
  look("c1", 2);
  expect(onRefused).not.toHaveBeenCalled();
  look("c1");
  look("c1");
  expect(onRefused.mock.calls).toEqual([["Too many."]]);
});
