import type { Channel, Conversation, Message, Problem, RunState, Todo, ToolState } from "./types";

interface Frame<Type extends string, Data> {
  type: Type;
  data: Data;
  conversation_id?: string | null;
  cursor?: string;
}

export interface Delta {
  message_id: number;
  revision: number;
  offset: number;
  channel: Channel;
  text: string;
}

export interface RunData {
  run_id: string;
  state: RunState;
  step?: number;
  message_id?: number | null;
  error?: { code?: string; detail?: string } | null;
}

export interface TypingData {
  role: string;
  state: "queued" | "thinking" | "tool" | "writing" | "idle";
  detail?: string | null;
}

interface ToolData {
  call_id: string;
  name: string;
  state: ToolState;
}

export interface AckData {
  client_message_id: string;
  message: Message;
  conversation_id?: string;
  run_id?: string;
}

type ConnectionFrame = Frame<
  "connection",
  {
    status: "ready" | "auth_expiring" | "draining";
    cursor?: string;
    epoch?: string | number;
    version?: string;
    retry_after_ms?: number;
  }
>;

export type ServerFrame =
  | ConnectionFrame
  | Frame<"message", Message>
  | Frame<"delta", Delta>
  | Frame<"typing", TypingData>
  | Frame<"run", RunData>
  | Frame<"tool", ToolData>
  | Frame<"conversation", Conversation | { conversation_id: string; deleted: true }>
  | Frame<"todo", Todo | { id: number; deleted: true }>
  | Frame<"ack", AckData>
  | Frame<"reset", { cursor?: string }>
  | Frame<"error", Problem & { client_message_id?: string }>
  | Frame<"pong", { cursor?: string }>;

export interface OutgoingMessage {
  content: string;
  client_message_id: string;
  model?: string | null;
  time_zone: string;
}

export type ClientFrame =
  | { type: "message"; data: OutgoingMessage; conversation_id: string | null }
  | { type: "watch" | "unwatch"; data: Record<string, never>; conversation_id: string }
  | { type: "stop"; data: { run_id: string }; conversation_id: string | null }
  | { type: "auth"; data: { token: string }; conversation_id: null }
  | { type: "ping"; data: Record<string, never>; conversation_id: null };
