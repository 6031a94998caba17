import type { Conversation, Message, TokenResponse, User } from "./types";

/** Where the page asks for this in a test. */
export const at = (path: string) => `http://localhost:3000/api/v1${path}`;

export function user(fields: Partial<User> = {}): User {
  return {
    id: 1,
    email: "ada@example.org",
    full_name: "Ada",
    role: "user",
    created_at: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
}

/** What a login answers. */
export function tokens(of: User = user()): TokenResponse {
  return {
    access_token: "a",
    refresh_token: "r",
    token_type: "bearer",
    expires_in: 600,
    mfa_required: false,
    user: of,
  };
}

/** A message for tests; only what matters to the test is given. */
export function message(fields: Partial<Message> & { id: number }): Message {
  return {
    conversation_id: "c1",
    role: "assistant",
    content: "",
    message_type: "assistant_response",
    tool_name: null,
    tool_success: null,
    timestamp: "2026-01-01T00:00:00.000Z",
    additional_data: null,
    client_message_id: null,
    parent_id: fields.id > 1 ? fields.id - 1 : null,
    run_id: "r1",
    status: "complete",
    siblings: [fields.id],
    revision: 1,
    offsets: { text: 0, reasoning: 0, tool_arguments: 0 },
    ...fields,
  };
}

export function conversation(fields: Partial<Conversation> & { conversation_id: string }): Conversation {
  return {
    id: 1,
    user_id: 1,
    user_input: null,
    agent_id: null,
    focus_areas: null,
    last_tool_result: null,
    tags: [],
    title: null,
    pinned: false,
    archived: false,
    model: null,
    active_run: null,
    step_count: 0,
    message_count: 0,
    created_at: "2026-01-01T00:00:00.000Z",
    updated_at: "2026-01-01T00:00:00.000Z",
    ...fields,
  };
}
