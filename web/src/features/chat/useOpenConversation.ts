import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { approvalsQuery } from "@/api/approvals";
import { conversationQuery, messagesQuery } from "@/api/conversationService";
import { watchConversation } from "@/api/live";
import { permissionsQuery } from "@/api/permissions";
import { useRun } from "./useRun";

const NOTHING = { messages: [], hasOlder: false, queued: [] };

/** What is known of the conversation that is open, and its tokens as they come; null: not begun yet. */
export function useOpenConversation(conversationId: string | null) {
  const id = conversationId ?? "";
  const begun = conversationId !== null;
  const { data: conversation } = useQuery({ ...conversationQuery(id), enabled: begun });
  const history = useQuery({ ...messagesQuery(id), enabled: begun });
  const branch = (begun && history.data) || NOTHING;
  const { data: asking } = useQuery(approvalsQuery);
  const approvals = useMemo(
    () => asking?.filter(({ conversation_id }) => conversation_id === conversationId) ?? [],
    [asking, conversationId],
  );
  const { data: permissions } = useQuery({
    ...permissionsQuery(id),
    enabled: begun && conversation !== undefined,
  });
  const { run, activeId } = useRun(conversationId, conversation, branch.messages);

  useEffect(() => {
    if (conversationId) return watchConversation(conversationId);
  }, [conversationId]);

  return { conversation, history, branch, approvals, permissions, run, activeId };
}
