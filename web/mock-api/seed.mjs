import { randomUUID } from "node:crypto";
import { CODE, PLAIN } from "./answers.mjs";

const TITLES = [
  "Counting words in Rust",
  "Plan a week in Lisbon",
  "Why does the build take so long?",
  "Letter to the landlord about the heating",
  "Donaudampfschifffahrtsgesellschaftskapitän und andere lange Wörter",
  "كيف أتعلم اللغة العربية بسرعة؟",
  "Birthday ideas for a four-year-old",
  "SQL: the latest row of each group",
];

/** An account (ada@example.org, password "correct horse") with some history. */
export function seed(state, { addUser, id }) {
  const user = addUser({ email: "ada@example.org", password: "correct horse", full_name: "Ada Lovelace" });
  for (let index = 0; index < 64; index += 1) {
    const at = new Date(Date.now() - index * index * 2_400_000 - 240_000).toISOString();
    const title = TITLES[index] ?? `Notes of day ${index}`;
    conversation(state, id, user, { title, at, turns: index === 2 ? 150 : 2, index });
  }
  state.todos.push(
    todo(id, "Call the dentist", { due_at: new Date(Date.now() - 86_400_000).toISOString() }),
    todo(id, "Buy a present for Mina", { due_at: new Date(Date.now() + 2 * 86_400_000).toISOString() }),
    todo(id, "Return the library books", { done: true }),
  );
}

function conversation(state, id, user, { title, at, turns, index }) {
  const conversation_id = randomUUID();
  const messages = [];
  const add = (fields) => {
    const message = {
      id: id(),
      conversation_id,
      tool_name: null,
      tool_success: null,
      timestamp: at,
      additional_data: null,
      client_message_id: null,
      parent_id: messages.at(-1)?.id ?? null,
      run_id: randomUUID(),
      status: "complete",
      revision: 1,
      offsets: { text: 0, reasoning: 0, tool_arguments: 0 },
      ...fields,
    };
    message.siblings = [message.id];
    messages.push(message);
    return message;
  };
  for (let turn = 0; turn < turns; turn += 1) {
    add({ role: "user", message_type: "user_input", content: turn === 0 ? title : `And then? (${turn})` });
    const call_id = randomUUID();
    if (index === 0 && turn === 1) {
      add({ role: "assistant", message_type: "assistant_response", content: "" });
      add({
        role: "assistant",
        message_type: "tool_call",
        tool_name: "calculator",
        content: '{"expression":"1024 * 7"}',
        additional_data: { call_id, arguments: { expression: "1024 * 7" }, state: "succeeded" },
      });
      add({
        role: "tool",
        message_type: "tool_result",
        tool_name: "calculator",
        tool_success: "true",
        content: '{"value":7168}',
        additional_data: { call_id, result: { value: 7168 } },
      });
    }
    const answer = add({
      role: "assistant",
      message_type: "assistant_response",
      content: (index + turn) % 3 === 0 ? CODE : PLAIN,
      additional_data: { model: "local/smollm2-135m", built_in: true, resumed: index === 1 && turn === 1 },
    });
    if (index === 3 && turn === 1) {
      answer.status = "failed";
      answer.additional_data.error = {
        code: "model_unavailable",
        detail: "The model's server closed the connection (HTTP 502).",
        retryable: true,
      };
    }
    if (index === 2 && turn === turns - 1)
      answer.additional_data.context = { omitted_before: messages.at(-8).id };
    if (index === 0) answer.siblings = [answer.id - 1, answer.id];
  }
  state.messages.set(conversation_id, messages);
  state.conversations.set(conversation_id, {
    id: id(),
    conversation_id,
    user_id: user.id,
    user_input: title,
    title,
    pinned: false,
    archived: false,
    tags: [],
    model: null,
    agent_id: null,
    active_run: null,
    focus_areas: null,
    last_tool_result: null,
    step_count: turns,
    message_count: messages.length,
    created_at: at,
    updated_at: at,
  });
}

const todo = (id, title, fields = {}) => ({
  id: id(),
  title,
  done: false,
  due_at: null,
  created_at: new Date().toISOString(),
  updated_at: new Date().toISOString(),
  ...fields,
});
