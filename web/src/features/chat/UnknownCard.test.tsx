import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";
import { keys, queryClient } from "@/api/queryClient";
import type { Message } from "@/api/types";
import { type OnCallDecide, UnknownCard } from "./UnknownCard";

const message = (fields: Partial<Message>): Message => ({
  id: 1,
  conversation_id: "c1",
  role: "assistant",
  content: "",
  message_type: "tool_call",
  tool_name: "send_mail",
  tool_success: null,
  timestamp: "2026-01-01T00:00:00.000Z",
  additional_data: null,
  client_message_id: null,
  parent_id: null,
  run_id: "r1",
  status: "complete",
  siblings: [],
  revision: 1,
  offsets: { text: 0, reasoning: 0, tool_arguments: 0 },
  ...fields,
});

const call = (data: Message["additional_data"] = {}) =>
  message({
    additional_data: { call_id: "call", arguments: { to: "bob@example.org" }, class: "effectful", ...data },
  });
const result = message({
  id: 2,
  role: "tool",
  message_type: "tool_result",
  tool_success: "unknown",
  content: JSON.stringify({ error: "The service did not answer: too long." }),
});

function show(onDecide: OnCallDecide, { busy = false, asked = call() } = {}) {
  queryClient.setQueryData(keys.call("call"), { target: "POST https://mail.example.org/send" });
  render(
    <QueryClientProvider client={queryClient}>
      <UnknownCard call={asked} result={result} busy={busy} onDecide={onDecide} />
    </QueryClientProvider>,
  );
  return screen.getByRole("region", { name: "Outcome unknown: send mail" });
}

const button = (name: string) => screen.getByRole<HTMLButtonElement>("button", { name });
const description = (name: string) =>
  (button(name).getAttribute("aria-describedby") ?? "")
    .split(" ")
    .map((id) => document.getElementById(id)?.textContent)
    .join(" ");

afterEach(() => queryClient.clear());

describe("a call of which nobody knows whether it happened", () => {
  it("is shown whole, with what is known and where it went", () => {
    const card = show(vi.fn());
    expect(within(card).getByRole("heading").textContent).toBe(
      "Nobody knows whether this happened: use send mail",
    );
    for (const words of [
      "The service did not answer: too long. It is not repeated by itself.",
      "bob@example.org",
      "POST https://mail.example.org/send",
    ]) {
      expect(card.textContent).toContain(words);
    }
  });

  it("tells whoever hears the buttons what each of them does, and to what", () => {
    show(vi.fn());
    expect(description("Try again")).toContain("it then happens twice");
    expect(description("It happened")).toContain("Nothing is sent");
    expect(description("It did not")).toContain("was not done");
    expect(description("Try again")).toContain("use send mail");
  });

  it("says what a key is good for", () => {
    show(vi.fn(), { asked: call({ class: "keyed" }) });
    expect(description("Try again")).toContain("with the same key");
    expect(description("Try again")).not.toContain("twice");
  });

  it.each([
    ["Try again", "retry"],
    ["It happened", "happened"],
    ["It did not", "did_not_happen"],
  ])("%s is sent once, and stays pressed until the messages tell", async (name, decision) => {
    const onDecide = vi.fn(async () => true);
    show(onDecide);
    await userEvent.dblClick(button(name));
    expect(onDecide).toHaveBeenCalledExactlyOnceWith(call(), decision);
    for (const each of ["Try again", "It happened", "It did not"]) expect(button(each).disabled).toBe(true);
  });

  it("is reached and answered by keyboard", async () => {
    const onDecide = vi.fn(async () => true);
    show(onDecide);
    await userEvent.tab();
    expect(document.activeElement).toBe(button("Try again"));
    await userEvent.tab();
    await userEvent.keyboard("{Enter}");
    expect(onDecide).toHaveBeenCalledExactlyOnceWith(call(), "happened");
  });

  it("waits with another call for the end of an answer, not with what the user knows", () => {
    show(vi.fn(), { busy: true });
    expect(button("Try again").disabled).toBe(true);
    expect(description("Try again")).toContain("as soon as the present answer has ended");
    expect(button("It happened").disabled).toBe(false);
  });

  it.each([
    ["says when nothing was decided", () => Promise.reject(new Error("The server can't be reached."))],
    ["takes another answer after a refusal", () => Promise.resolve(false)],
  ])("%s", async (_, refuse) => {
    show(vi.fn(refuse));
    await userEvent.click(button("It did not"));
    await waitFor(() => expect(button("Try again").disabled).toBe(false));
    const alert = screen.queryByRole("alert")?.textContent;
    const failed = alert === "The server can't be reached. Nothing was decided.";
    expect(failed || alert === undefined).toBe(true);
  });
});
