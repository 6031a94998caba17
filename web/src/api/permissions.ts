import { queryOptions } from "@tanstack/react-query";
import { api } from "./apiClient";
import { ApiError, unwrap } from "./problem";
import { keys, queryClient } from "./queryClient";
import type { Permission } from "./types";

/** The tools that need no more asking in a conversation. */
export const permissionsQuery = (conversationId: string) =>
  queryOptions({
    queryKey: keys.permissions(conversationId),
    queryFn: async () =>
      (
        await unwrap(
          api.GET("/api/v1/chat/conversations/{conversation_id}/permissions", {
            params: { path: { conversation_id: conversationId } },
          }),
        )
      ).permissions as Permission[],
  });

export const reloadPermissions = (conversationId: string): void =>
  void queryClient.invalidateQueries({ queryKey: keys.permissions(conversationId) });

/** A conversation has changed: it may be that another device took a permission back. */
export function recheckPermissions(conversationId: string): void {
  const known = queryClient.getQueryData<Permission[]>(keys.permissions(conversationId));
  // A new one comes with its approval.
  if (known?.length) reloadPermissions(conversationId);
}

/** Has a tool ask again. Taken back already, on another device, is as good. */
export async function revokePermission(conversationId: string, toolName: string): Promise<void> {
  try {
    await unwrap(
      api.DELETE("/api/v1/chat/conversations/{conversation_id}/permissions/{tool_name}", {
        params: { path: { conversation_id: conversationId, tool_name: toolName } },
      }),
    );
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  } finally {
    reloadPermissions(conversationId);
  }
}
