import type { components } from "./schema";
import type { Approval, Conversation, Message, Problem, Todo } from "./types";

type Schemas = components["schemas"];

export type Delta = Schemas["DeltaData"];
export type TypingData = Schemas["TypingData"];
/** The page itself knows less of a run that it has just been told about. */
export type RunData = Pick<Schemas["RunData"], "run_id" | "state"> & Partial<Schemas["RunData"]>;
export type AckData = Omit<Schemas["AckData"], "message"> & { message: Message };

interface Frame<Type extends Schemas["FrameType"], Data> {
  type: Type;
  data: Data;
  conversation_id: string | null;
  cursor?: string | null;
}

/** What the socket brings; types that are not listed here are ignored. */
export type ServerFrame =
  | Frame<"connection", Schemas["ConnectionData"]>
  | Frame<"message", Message | Schemas["MessageDeletedData"]>
  | Frame<"delta", Delta>
  | Frame<"typing", TypingData>
  | Frame<"run", RunData>
  | Frame<"tool", Schemas["ToolData"]>
  | Frame<"approval", Approval>
  | Frame<"conversation", Conversation | Schemas["ConversationDeletedData"]>
  | Frame<"todo", Todo | Schemas["TodoDeletedData"]>
  | Frame<"ack", AckData>
  | Frame<"reset" | "pong", Schemas["PositionData"]>
  | Frame<"error", Problem & { client_message_id?: string }>;

export interface OutgoingMessage {
  content: string;
  client_message_id: string;
  model?: string | null;
  /** Beside an answer that is being written; without one they are the same. */
  on_busy?: "enqueue" | "interrupt";
  time_zone: string;
}

export type ClientFrame =
  | { type: "message"; data: OutgoingMessage; conversation_id: string | null }
  | { type: "watch" | "unwatch"; data: Record<string, never>; conversation_id: string }
  | { type: "stop"; data: { run_id: string }; conversation_id: string | null }
  | { type: "auth"; data: { token: string }; conversation_id: null }
  | { type: "ping"; data: Record<string, never>; conversation_id: null };
