interface Node {
  type: string;
  value?: string;
  tagName?: string;
  properties?: Record<string, unknown>;
  children?: Node[];
}

const BREAK = /^<br\s*\/?>$/i;

/**
 * Shows HTML in Markdown as the text that it is. Sanitising alone would drop it, and with it what
 * a model wrote about HTML outside of code. Only the line break, usual in tables, means itself.
 */
export function rehypeRawAsText() {
  return (tree: Node) => convert(tree);
}

function convert(node: Node): void {
  node.children = node.children?.map((child) => {
    if (child.type !== "raw") {
      convert(child);
      return child;
    }
    return BREAK.test(child.value ?? "")
      ? { type: "element", tagName: "br", properties: {}, children: [] }
      : { type: "text", value: child.value };
  });
}
