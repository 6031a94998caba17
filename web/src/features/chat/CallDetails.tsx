import type { ReactNode } from "react";
import { visible } from "@/util/text";
import { fields } from "./toolWords";

/** The tool, and where the call goes: for whoever decides about it. */
export function CallPlace({ name, target, bare }: { name: string; target?: string | null; bare: boolean }) {
  return (
    <div className="text-muted">
      <p>
        Tool <Code>{name}</Code>
        {bare && ", without arguments"}
      </p>
      {target && (
        <p>
          Goes to <Code>{target}</Code>
        </p>
      )}
    </div>
  );
}

const Code = ({ children }: { children: string }): ReactNode => (
  <code className="font-mono text-text [overflow-wrap:anywhere]">{visible(children)}</code>
);

/** Every argument, whole. */
export function CallArguments({ value }: { value: unknown }) {
  const args = Object.entries(fields(value));
  if (args.length === 0) return null;
  return (
    <dl className="mt-3 border-line border-t">
      {args.map(([name, each]) => (
        <div
          key={name}
          className="gap-4 border-line border-b px-4 py-2.5 sm:grid sm:grid-cols-[8rem_minmax(0,1fr)]"
        >
          <dt className="text-muted [overflow-wrap:anywhere]">{visible(name)}</dt>
          <dd dir="auto" className="whitespace-pre-wrap [overflow-wrap:anywhere]">
            {typeof each === "string" ? (
              visible(each) || <span className="text-muted">(empty text)</span>
            ) : (
              <code className="font-mono">{visible(JSON.stringify(each, null, 2))}</code>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}
