type Json<T> = { content: { "application/json": T } };
type Problem = { content: { "application/problem+json": components["schemas"]["Problem"] } };
type Params<Path, Query> = { query?: Query; header?: Record<string, string>; path: Path; cookie?: never };
type Op<Answer, Body = never, Path = never, Query = never> = {
  parameters: [Path] extends [never]
    ? { query?: Query; header?: Record<string, string>; path?: never; cookie?: never }
    : Params<Path, Query>;
  responses: { 200: { headers: Record<string, unknown> } & Json<Answer>; default: Problem };
} & ([Body] extends [never] ? { requestBody?: never } : { requestBody: Json<Body> });
type S = components["schemas"];

export interface paths {
  "/api/v1/meta": { get: Op<S["MetaResponse"]> };
  "/api/v1/models": { get: Op<S["ModelsResponse"]> };
  "/api/v1/auth/register": { post: Op<S["UserResponse"], S["RegisterRequest"]> };
  "/api/v1/auth/login": { post: Op<S["TokenResponse"], S["LoginRequest"]> };
  "/api/v1/auth/refresh": { post: Op<S["TokenResponse"], S["RefreshRequest"]> };
  "/api/v1/auth/logout": { post: Op<undefined> };
  "/api/v1/auth/logout-all": { post: Op<undefined> };
  "/api/v1/auth/password": { post: Op<undefined, { current_password: string; new_password: string }> };
  "/api/v1/auth/me": {
    get: Op<S["UserResponse"]>;
    patch: Op<S["UserResponse"], { full_name?: string }>;
    delete: Op<undefined, { password: string }>;
  };
  "/api/v1/auth/sessions": { get: Op<{ sessions: S["SessionResponse"][] }> };
  "/api/v1/auth/sessions/{id}": { delete: Op<undefined, never, { id: string }> };
  "/api/v1/admin/users": {
    get: Op<{ users: S["AdminUserResponse"][] }>;
    post: Op<S["AdminUserResponse"], S["AdminUserCreate"]>;
  };
  "/api/v1/admin/users/{id}": {
    patch: Op<S["AdminUserResponse"], { role?: "admin" | "user"; disabled?: boolean }, { id: number }>;
  };
  "/api/v1/chat/ws-ticket": { post: Op<{ ticket: string; expires_in: number }> };
  "/api/v1/chat/messages": { post: Op<S["SendAccepted"], S["MessageCreate"]> };
  "/api/v1/chat/conversations": {
    get: Op<S["ConversationListResponse"], never, never, { cursor?: string; per_page?: number }>;
  };
  "/api/v1/chat/conversations/{conversation_id}": {
    get: Op<S["ConversationResponse"], never, { conversation_id: string }>;
    patch: Op<S["ConversationResponse"], { title?: string }, { conversation_id: string }>;
    delete: Op<{ message: string }, never, { conversation_id: string }>;
  };
  "/api/v1/chat/conversations/{conversation_id}/messages": {
    get: Op<S["MessageResponse"][], never, { conversation_id: string }, { limit?: number; before?: number }>;
  };
  "/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate": {
    post: Op<S["RegenerateAccepted"], never, { conversation_id: string; message_id: number }>;
  };
  "/api/v1/chat/runs/{run_id}/cancel": { post: Op<unknown, never, { run_id: string }> };
  "/api/v1/todos": {
    get: Op<{ todos: S["TodoResponse"][] }>;
    post: Op<S["TodoResponse"], { title: string; due_at?: string | null }>;
  };
  "/api/v1/todos/{id}": {
    patch: Op<S["TodoResponse"], { title?: string; done?: boolean; due_at?: string | null }, { id: number }>;
    delete: Op<undefined, never, { id: number }>;
  };
}

export interface components {
  schemas: {
    Problem: {
      type: string;
      title: string;
      status: number;
      detail: string;
      code: string;
      request_id?: string;
      errors?: { pointer: string; message: string }[] | null;
    };
    MetaResponse: {
      name: string;
      version: string;
      first_start: boolean;
      registration: "open" | "closed";
      setup_code_required: boolean;
      password_reset_command: string;
    };
    ModelResponse: {
      id: string;
      label: string;
      provider: string;
      built_in: boolean;
      context_window: number | null;
    };
    ModelsResponse: { models: components["schemas"]["ModelResponse"][]; default: string | null };
    UserResponse: {
      id: number;
      email: string;
      full_name: string;
      role: "admin" | "user";
      created_at: string;
    };
    RegisterRequest: { email: string; password: string; full_name: string; setup_code?: string };
    LoginRequest: { email: string; password: string; totp_code?: string };
    RefreshRequest: { refresh_token?: string };
    TokenResponse: {
      access_token: string;
      refresh_token: string;
      token_type: string;
      expires_in: number;
      mfa_required: boolean;
      user: components["schemas"]["UserResponse"];
    };
    SessionResponse: {
      session_id: string;
      user_agent: string | null;
      created_at: string;
      last_used_at: string;
      current: boolean;
    };
    AdminUserResponse: components["schemas"]["UserResponse"] & { disabled: boolean };
    AdminUserCreate: { email: string; password: string; full_name: string; role?: "admin" | "user" };
    MessageCreate: {
      content: string;
      conversation_id?: string | null;
      client_message_id?: string | null;
      model?: string | null;
      time_zone?: string | null;
    };
    MessageResponse: {
      id: number;
      conversation_id: string;
      role: "user" | "assistant" | "tool" | "system";
      content: string;
      message_type: "user_input" | "assistant_response" | "tool_call" | "tool_result" | "system_message";
      tool_name: string | null;
      tool_success: "true" | "false" | "unknown" | null;
      timestamp: string;
      additional_data: Record<string, unknown> | null;
      client_message_id: string | null;
      parent_id: number | null;
      run_id: string | null;
      status:
        | "queued"
        | "streaming"
        | "awaiting_approval"
        | "complete"
        | "interrupted"
        | "cancelled"
        | "failed";
      siblings: number[];
      revision: number;
      offsets: { text: number; reasoning: number; tool_arguments: number };
    };
    SendAccepted: {
      user_message: components["schemas"]["MessageResponse"];
      conversation_id: string;
      run_id: string;
    };
    RegenerateAccepted: {
      run_id: string;
      conversation_id: string;
      ai_message: components["schemas"]["MessageResponse"];
    };
    ConversationResponse: {
      id: number;
      conversation_id: string;
      user_id: number;
      user_input: string | null;
      title: string | null;
      pinned: boolean;
      archived: boolean;
      model: string | null;
      active_run: { run_id: string; state: string } | string | null;
      step_count: number;
      message_count: number;
      created_at: string;
      updated_at: string;
    };
    ConversationListResponse: {
      conversations: components["schemas"]["ConversationResponse"][];
      total: number;
      page: number;
      per_page: number;
      next_cursor: string | null;
    };
    TodoResponse: {
      id: number;
      title: string;
      done: boolean;
      due_at: string | null;
      created_at: string;
      updated_at: string;
    };
  };
}
