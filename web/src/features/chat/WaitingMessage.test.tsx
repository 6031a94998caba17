import { render, screen } from "@testing-library/react";
import { beforeEach, expect, it } from "vitest";
import { outbox, useOutbox } from "@/api/outbox";
import { WaitingMessage } from "./MessageItem";

beforeEach(() => useOutbox.setState({ waiting: [], refused: [], held: {} }));

function waiting(code?: string): string {
  const entry = outbox.add({
    content: "Hello",
    conversation_id: "c1",
    model: null,
    on_busy: "enqueue",
    user_id: 1,
  });
  if (code) outbox.hold(entry.client_message_id, code);
  render(<WaitingMessage entry={entry} late={false} />);
  return screen.getByRole("article", { name: "You said" }).textContent ?? "";
}

it("says nothing while the message is on its way", () => {
  expect(waiting()).toBe("You saidHello");
});

it.each([
  ["draining", "the server is restarting"],
  ["not_writable", "the server can’t store anything now"],
  ["outcome_unknown", "it is not certain yet that it was stored"],
  ["rate_limited", "too many messages in a short time"],
  ["internal", "the server can’t take it now"],
])("says at once why the server does not take it: %s", (code, words) => {
  expect(waiting(code)).toBe(`You saidHelloWaiting to be sent: ${words}`);
});
