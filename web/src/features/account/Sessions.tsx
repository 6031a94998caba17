import { useMutation, useQuery } from "@tanstack/react-query";
import { authApi } from "@/api/authApi";
import { errorText } from "@/api/problem";
import { keys, queryClient } from "@/api/queryClient";
import { Button } from "@/ui/Button";
import { Notice } from "@/ui/Notice";
import { exactTime, shortTime } from "@/util/time";

/** Where the account is signed in. */
export function Sessions() {
  const list = useQuery({ queryKey: keys.sessions, queryFn: authApi.sessions, staleTime: 0 });
  const end = useMutation({
    mutationFn: authApi.endSession,
    onSettled: () => queryClient.invalidateQueries({ queryKey: keys.sessions }),
  });
  const problem = list.error ?? end.error;
  return (
    <div>
      {problem && <Notice tone="danger">{errorText(problem)}</Notice>}
      <ul className="divide-y divide-line">
        {list.data?.map(({ session_id, user_agent, last_used_at, current }) => (
          <li key={session_id} className="flex items-center gap-4 py-3">
            <div className="min-w-0 flex-1">
              <p className="truncate" title={user_agent ?? undefined}>
                {deviceName(user_agent)}
              </p>
              <p className="text-muted text-sm" title={exactTime(last_used_at)}>
                {current ? "This device" : `Last used ${shortTime(last_used_at)}`}
              </p>
            </div>
            {!current && (
              <Button disabled={end.isPending} onClick={() => end.mutate(session_id)}>
                Sign out
              </Button>
            )}
          </li>
        ))}
      </ul>
      <Button className="mt-4" onClick={() => void authApi.logout(true)}>
        Sign out everywhere
      </Button>
    </div>
  );
}

/** What people call the device, from what its browser says of itself. */
function deviceName(agent: string | null): string {
  if (!agent) return "Unknown device";
  const browser =
    [
      [/Edg\//, "Edge"],
      [/OPR\//, "Opera"],
      [/Firefox\//, "Firefox"],
      [/Chrom(?:e|ium)\//, "Chrome"],
      [/Safari\//, "Safari"],
    ].find(([pattern]) => (pattern as RegExp).test(agent))?.[1] ?? null;
  const system =
    [
      [/iPhone|iPad/, "iOS"],
      [/Android/, "Android"],
      [/Windows/, "Windows"],
      [/Mac OS X/, "macOS"],
      [/Linux/, "Linux"],
    ].find(([pattern]) => (pattern as RegExp).test(agent))?.[1] ?? null;
  if (browser && system) return `${browser} on ${system}`;
  return String(browser ?? system ?? agent.slice(0, 60));
}
