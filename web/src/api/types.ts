import type { components } from "./schema";

type Schemas = components["schemas"];

export type Problem = Schemas["Problem"];
export type Meta = Schemas["MetaResponse"];
export type User = Schemas["UserResponse"];
export type AdminUser = Schemas["AdminUserResponse"];
export type TokenResponse = Schemas["TokenResponse"];
export type Model = Schemas["ModelResponse"];
export type Models = Schemas["ModelsResponse"];
export type Conversation = Schemas["ConversationResponse"];
export type ConversationList = Schemas["ConversationListResponse"];
export type Todo = Schemas["TodoResponse"];
export type Approval = Omit<Schemas["ApprovalResponse"], "arguments"> & { arguments: unknown };
export type Decision = Schemas["Decision"];
export type Scope = Schemas["Scope"];
export type Call = Omit<Schemas["CallResponse"], "arguments" | "result"> & {
  arguments: unknown;
  result: unknown;
};
export type CallDecision = Schemas["CallDecision"];
export type Permission = Schemas["PermissionResponse"];
/** Agents can not be chosen yet. */
export type MessageCreate = Omit<Schemas["MessageCreate"], "agent_id">;
export type ToolState = Schemas["CallState"];
export type Channel = Schemas["DeltaChannel"];

/** What the server records beside a message; every field is optional and depends on the message's type. */
interface MessageData {
  model?: string;
  built_in?: boolean;
  error?: Schemas["RunErrorResponse"];
  /** The limit of the server that ended the run. */
  limit?: "steps" | "tokens" | "answer_bytes" | "time";
  /** Why the model ended, where it had not simply said everything: `length` is its own limit. */
  finish?: string;
  context?: { omitted_before: number };
  resumed?: boolean;
  reasoning?: string;
  call_id?: string;
  arguments?: unknown;
  state?: ToolState;
  class?: Schemas["ToolClass"];
  /** What the user said of a call whose outcome was unknown. */
  decision?: CallDecision;
  /** The call that this one makes once more. */
  retry_of?: string;
  /** Nobody was asked: the tool is allowed in the whole conversation. */
  permitted?: "conversation";
  result?: unknown;
}

export type Message = Omit<Schemas["MessageResponse"], "additional_data"> & {
  additional_data: MessageData | null;
};
