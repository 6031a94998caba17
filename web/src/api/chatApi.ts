import { api } from "./apiClient";
import { type Branch, toBranch } from "./messageList";
import { unwrap } from "./problem";
import type { components } from "./schema";
import type { Message, MessageCreate } from "./types";

/** How many messages one request brings. */
const PAGE_SIZE = 50;

export const chatApi = {
  /** Stores the message and starts the run; the answer comes over the socket. */
  async sendMessage(message: MessageCreate) {
    const accepted = (await unwrap(
      api.POST("/api/v1/chat/messages", {
        body: message,
        headers: { prefer: "respond-async" },
      }),
    )) as components["schemas"]["SendAccepted"];
    return { ...accepted, user_message: accepted.user_message as Message };
  },

  getConversations: (cursor: string | null, perPage = 30) =>
    unwrap(
      api.GET("/api/v1/chat/conversations", {
        params: { query: { per_page: perPage, ...(cursor && { cursor }) } },
      }),
    ),

  findConversations: (words: string, signal: AbortSignal) =>
    unwrap(api.GET("/api/v1/chat/conversations", { params: { query: { q: words, per_page: 8 } }, signal })),

  getConversation: (conversationId: string) =>
    unwrap(
      api.GET("/api/v1/chat/conversations/{conversation_id}", {
        params: { path: { conversation_id: conversationId } },
      }),
    ),

  async getConversationMessages(
    conversationId: string,
    { before, signal }: { before?: number; signal?: AbortSignal } = {},
  ): Promise<Branch> {
    const call = api.GET("/api/v1/chat/conversations/{conversation_id}/messages", {
      params: {
        path: { conversation_id: conversationId },
        query: { limit: PAGE_SIZE, ...(before !== undefined && { before }) },
      },
      signal,
    });
    const messages = (await unwrap(call)) as Message[];
    const link = (await call).response.headers.get("link");
    const hasOlder = link ? /rel="?prev"?/.test(link) : messages.length === PAGE_SIZE;
    return toBranch(messages, hasOlder);
  },

  async changeQueued(conversationId: string, messageId: number, content: string): Promise<Message> {
    const changed = await unwrap(
      api.PATCH("/api/v1/chat/conversations/{conversation_id}/messages/{message_id}", {
        params: { path: { conversation_id: conversationId, message_id: messageId } },
        body: { content },
      }),
    );
    return changed as Message;
  },

  removeQueued: (conversationId: string, messageId: number) =>
    unwrap(
      api.DELETE("/api/v1/chat/conversations/{conversation_id}/messages/{message_id}", {
        params: { path: { conversation_id: conversationId, message_id: messageId } },
      }),
    ),

  async regenerate(conversationId: string, messageId: number, key: string) {
    const accepted = await unwrap(
      api.POST("/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/regenerate", {
        params: {
          path: { conversation_id: conversationId, message_id: messageId },
          header: { "Idempotency-Key": key },
        },
      }),
    );
    return { ...accepted, ai_message: accepted.ai_message as Message };
  },

  async revisions(conversationId: string, messageId: number) {
    const call = api.GET("/api/v1/chat/conversations/{conversation_id}/messages/{message_id}/revisions", {
      params: { path: { conversation_id: conversationId, message_id: messageId } },
    });
    return (await unwrap(call)).revisions;
  },

  renameConversation: (conversationId: string, title: string) =>
    unwrap(
      api.PATCH("/api/v1/chat/conversations/{conversation_id}", {
        params: { path: { conversation_id: conversationId } },
        body: { title },
      }),
    ),

  chooseModel: (conversationId: string, model: string) =>
    unwrap(
      api.PATCH("/api/v1/chat/conversations/{conversation_id}", {
        params: { path: { conversation_id: conversationId } },
        body: { model },
      }),
    ),

  deleteConversation: (conversationId: string) =>
    unwrap(
      api.DELETE("/api/v1/chat/conversations/{conversation_id}", {
        params: { path: { conversation_id: conversationId } },
      }),
    ),

  cancelRun: (runId: string) =>
    unwrap(api.POST("/api/v1/chat/runs/{run_id}/cancel", { params: { path: { run_id: runId } } })),

  models: () => unwrap(api.GET("/api/v1/models")),

  socketTicket: async () => (await unwrap(api.POST("/api/v1/chat/ws-ticket"))).ticket,
};
