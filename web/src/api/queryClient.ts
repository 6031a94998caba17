import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./problem";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The socket keeps what is shown current; age alone is no reason to ask again.
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      retry: (count, error) =>
        count < 3 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 8000),
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

export const keys = {
  meta: ["meta"] as const,
  models: ["models"] as const,
  conversations: ["conversations"] as const,
  found: (words: string) => ["found", words] as const,
  conversation: (id: string) => ["conversation", id] as const,
  messages: (id: string) => ["messages", id] as const,
  /** The texts before this revision of a message. */
  revisions: (id: string, message: number, revision: number) => ["revisions", id, message, revision] as const,
  approvals: ["approvals"] as const,
  call: (id: string) => ["call", id] as const,
  permissions: (id: string) => ["permissions", id] as const,
  todos: ["todos"] as const,
  sessions: ["sessions"] as const,
  users: ["users"] as const,
};
