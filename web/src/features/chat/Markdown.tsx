import { type ComponentProps, createContext, Fragment, memo, use, useMemo, useState } from "react";
import ReactMarkdown, { type Components, defaultUrlTransform } from "react-markdown";
import rehypeSanitize, { defaultSchema } from "rehype-sanitize";
import remend from "remend";
import { cx } from "@/ui/cx";
import { CodeBlock } from "./CodeBlock";
import { BlockSplitter } from "./markdownBlocks";
import { RemoteImage } from "./RemoteImage";
import { rehypeRawAsText } from "./rehypeRawAsText";
import { remarkGfm } from "./remarkGfm";

/** Whether more text is still coming for the block around. */
const Growing = createContext(false);

const LINK_PROTOCOLS = /^(?:https?:|mailto:)/i;

const remarkPlugins: ComponentProps<typeof ReactMarkdown>["remarkPlugins"] = [remarkGfm];
const rehypePlugins: ComponentProps<typeof ReactMarkdown>["rehypePlugins"] = [
  rehypeRawAsText,
  [
    rehypeSanitize,
    { ...defaultSchema, protocols: { ...defaultSchema.protocols, href: ["http", "https", "mailto"] } },
  ],
];

const components: Components = {
  a: ({ href, children, title, id, ...rest }) => {
    const inPage = href?.startsWith("#");
    if (!href || !(inPage || LINK_PROTOCOLS.test(href))) return <span>{children}</span>;
    return inPage ? (
      <a href={href} id={id} aria-describedby={rest["aria-describedby"]}>
        {children}
      </a>
    ) : (
      <a href={href} title={title ?? href} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    );
  },
  img: ({ src, alt }) => <RemoteImage url={typeof src === "string" ? src : ""} alt={alt ?? ""} />,
  pre: ({ node }) => <Pre node={node} />,
  table: ({ children }) => (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
    <section className="wide-block" aria-label="Table" tabIndex={0}>
      <table>{children}</table>
    </section>
  ),
  // A stray checkbox would look as if it could be ticked.
  input: ({ checked }) => (
    <input type="checkbox" checked={Boolean(checked)} disabled className="me-1.5" aria-label="Done" />
  ),
};

interface HastNode {
  type: string;
  value?: string;
  properties?: Record<string, unknown>;
  children?: HastNode[];
}

function Pre({ node }: { node: unknown }) {
  const growing = use(Growing);
  const code = (node as HastNode | undefined)?.children?.[0];
  const names = code?.properties?.className;
  const name = Array.isArray(names) ? String(names[0] ?? "") : "";
  const language = /^language-([\w+#.-]{1,32})$/.exec(name)?.[1] ?? "";
  return <CodeBlock code={textOf(code).replace(/\n$/, "")} language={language} growing={growing} />;
}

function textOf(node: HastNode | undefined): string {
  if (!node) return "";
  return node.value ?? (node.children ?? []).map(textOf).join("");
}

/** Code alone, closed or still open: there is nothing to parse in it, however long it grows. */
const CODE = /^(`{3,}|~{3,})[ \t]*([\w+#.-]{0,32})[ \t]*\n([\s\S]*)$/;

function codeAlone(source: string): { language: string; code: string } | null {
  const [, fence = "", language = "", body = ""] = CODE.exec(source) ?? [];
  if (!fence) return null;
  const end = new RegExp(`(?:^|\\n) {0,3}${fence[0]}{${fence.length},}[ \\t]*(?:\\n|$)`).exec(body);
  if (!end) return { language, code: body.replace(/\n$/, "") };
  const isLast = end.index + end[0].length === body.length;
  return isLast ? { language, code: body.slice(0, end.index) } : null;
}

const Block = memo(function Block({
  source,
  growing,
  flows,
}: {
  source: string;
  growing: boolean;
  /** A piece of one long paragraph. */
  flows: boolean;
}) {
  const code = codeAlone(source);
  return (
    // Each block has its own direction: an English one keeps its full stops inside an Arabic answer.
    <div
      dir={flows ? undefined : "auto"}
      className={cx("block", flows && "flowing", growing && "animate-appear")}
    >
      {code ? <CodeBlock {...code} growing={growing} /> : <Parsed source={source} growing={growing} />}
    </div>
  );
});

function Parsed({ source, growing }: { source: string; growing: boolean }) {
  return (
    <Growing value={growing}>
      <ReactMarkdown
        remarkPlugins={remarkPlugins}
        rehypePlugins={rehypePlugins}
        components={components}
        urlTransform={defaultUrlTransform}
      >
        {growing ? remend(source, { linkMode: "text-only" }) : source}
      </ReactMarkdown>
    </Growing>
  );
}

/**
 * Markdown of the assistant. Raw HTML is shown as text, what remains is sanitised, and each block
 * is rendered again only when its own source changes.
 */
export function Markdown({ text, growing = false }: { text: string; growing?: boolean }) {
  const [splitter] = useState(() => new BlockSplitter());
  const blocks = useMemo(() => splitter.split(text), [splitter, text]);
  return (
    <div className="markdown" dir="auto">
      {blocks.map(({ source, glue }, index) => {
        const goesOn = glue !== undefined;
        const flows = goesOn || blocks[index - 1]?.glue !== undefined;
        return (
          // Blocks are only ever added at the end, so the index is their identity.
          // biome-ignore lint/suspicious/noArrayIndexKey: see above
          <Fragment key={index}>
            <Block source={source} flows={flows} growing={growing && index === blocks.length - 1} />
            {goesOn ? glue : flows && <div className="flow-end" />}
          </Fragment>
        );
      })}
    </div>
  );
}
