import type { ReactNode } from "react";
import { Logo } from "@/ui/Logo";

/** The quiet page around everything that comes before being signed in. */
export function AuthFrame({
  title,
  lead,
  children,
}: {
  title: string;
  lead?: ReactNode;
  children: ReactNode;
}) {
  return (
    <main className="flex h-full overflow-y-auto">
      <div className="m-auto w-full max-w-sm px-6 py-10">
        <div className="mb-8 flex items-center gap-2.5 font-semibold text-lg">
          <Logo />
          Rejoinder
        </div>
        <h1 className="font-semibold text-xl">{title}</h1>
        {lead && <div className="mt-2 text-muted">{lead}</div>}
        <div className="mt-7">{children}</div>
      </div>
    </main>
  );
}
