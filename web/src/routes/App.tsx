import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { authApi } from "@/api/authApi";
import { keys, queryClient } from "@/api/queryClient";
import { restoreSession, useSession } from "@/api/session";
import { useWritable } from "@/api/writable";
import { FirstStartPage } from "@/features/auth/FirstStartPage";
import { LoginPage } from "@/features/auth/LoginPage";
import { Logo } from "@/ui/Logo";
import { useDelayed } from "@/util/useDelayed";
import { Frame } from "./Frame";

/** Decides what the visitor sees: the first start, the login, or the chat. The URL stays as it is. */
export function App() {
  const { status, user, expired } = useSession();
  const meta = useQuery({
    queryKey: keys.meta,
    queryFn: authApi.meta,
    enabled: status === "signed-out",
    staleTime: 0,
  });
  const { conversationId = null } = useParams({ strict: false });
  const navigate = useNavigate();
  const userId = user?.id;

  useEffect(() => {
    if (status !== "unreachable") return;
    const timer = setInterval(() => void restoreSession(), 2_000);
    return () => clearInterval(timer);
  }, [status]);

  // What one account has seen is nothing for the next.
  useEffect(() => {
    if (userId === undefined) return;
    return () => queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "meta" });
  }, [userId]);
  // Whoever signs out on purpose starts at the beginning; a login from a link goes on there.
  const wasSignedIn = useRef(false);
  useEffect(() => {
    if (status === "signed-out" && !expired && wasSignedIn.current) void navigate({ to: "/", replace: true });
    wasSignedIn.current = status === "signed-in";
  }, [status, expired, navigate]);

  if (status === "signed-in" && user) return <Frame user={user} conversationId={conversationId} />;
  if (status === "signed-out" && meta.data?.first_start) return <FirstStartPage meta={meta.data} />;
  if (status === "signed-out" && !meta.isPending) return <LoginPage meta={meta.data} expired={expired} />;
  return <Waiting unreachable={status === "unreachable"} />;
}

function Waiting({ unreachable }: { unreachable: boolean }) {
  const late = useDelayed(true, 400);
  const writable = useWritable((state) => state.writable);
  if (!late && !unreachable) return null;
  return (
    <main className="flex h-full animate-appear flex-col items-center justify-center gap-4 px-6 text-center">
      <Logo size={40} />
      {unreachable && (
        <p role="status">
          {writable ? "The server can’t be reached." : "The server can’t store anything now."} Trying again…
        </p>
      )}
    </main>
  );
}
