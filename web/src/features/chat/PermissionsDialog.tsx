import { useMutation, useQuery } from "@tanstack/react-query";
import { permissionsQuery, revokePermission } from "@/api/permissions";
import { errorText } from "@/api/problem";
import { Button } from "@/ui/Button";
import { Dialog } from "@/ui/Dialog";
import { Notice } from "@/ui/Notice";
import { exactTime, shortTime } from "@/util/time";
import { toolName } from "./toolWords";

/** The tools that need no more asking in this conversation, each with the way back. */
export default function PermissionsDialog({
  conversationId,
  onClose,
}: {
  conversationId: string;
  onClose: () => void;
}) {
  // Another device may have taken one back.
  const list = useQuery({ ...permissionsQuery(conversationId), staleTime: 0 });
  const revoke = useMutation({
    mutationFn: (tool: string) => revokePermission(conversationId, tool),
  });
  const problem = list.error ?? revoke.error;
  return (
    <Dialog title="Allowed in this conversation" onClose={onClose}>
      <p className="text-muted">
        The assistant uses these tools here without asking, as long as the operator allows it.
      </p>
      {problem && (
        <Notice tone="danger" className="mt-3">
          {errorText(problem)}
        </Notice>
      )}
      {list.data?.length === 0 && <p className="mt-4">None: every call that needs your word asks for it.</p>}
      <ul className="mt-2 divide-y divide-line">
        {list.data?.map(({ tool_name, created_at }) => (
          <li key={tool_name} className="flex items-center gap-4 py-3">
            <div className="min-w-0 flex-1">
              <p className="[overflow-wrap:anywhere]">{toolName(tool_name)}</p>
              <p className="text-muted text-sm" title={exactTime(created_at)}>
                Allowed {shortTime(created_at)}
              </p>
            </div>
            <Button
              disabled={revoke.isPending}
              aria-label={`Ask again for ${toolName(tool_name)}`}
              onClick={() => revoke.mutate(tool_name)}
            >
              Ask again
            </Button>
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
