import { describe, expect, it } from "vitest";
import { BlockSplitter } from "./markdownBlocks";

const splitBlocks = (text: string) => new BlockSplitter().split(text).map(({ source }) => source);

describe("cutting Markdown into blocks", () => {
  it.each([
    ["paragraphs", "One.\n\nTwo.\n\n\nThree.", 3],
    ["a fence with blank lines inside", "Before\n\n```js\na\n\n\nb\n```\n\nAfter", 3],
    ["a fence that is still open", "```\na\n\nb", 1],
    ["a longer fence around a shorter one", "````\n```\n\nx\n```\n\ny\n````\n\nz", 2],
    ["a list with blank lines between its items", "- a\n\n- b\n\n- c\n\nText", 2],
    ["what belongs to an item by its indent", "1. a\n\n   more\n\n2. b", 1],
    ["a quote", "> a\n> b\n\nText", 2],
    ["a table", "| a |\n|---|\n| b |\n\nText", 2],
    ["footnotes, which need the whole text", "a[^1]\n\nb\n\n[^1]: c", 1],
  ])("%s", (_, text, count) => {
    expect(splitBlocks(text)).toHaveLength(count);
  });

  it("gives link definitions to every block that may use them", () => {
    const [first, second] = splitBlocks("[a][x]\n\nplain\n\n[x]: https://example.org");
    expect(first).toBe("[a][x]\n\n[x]: https://example.org");
    expect(second).toBe("plain");
  });

  it("cuts a very long list, so that its end stays cheap", () => {
    const list = Array.from({ length: 400 }, (_, index) => `${index + 1}. item number ${index + 1}`);
    const blocks = splitBlocks(list.join("\n"));
    expect(blocks.length).toBeGreaterThan(2);
    expect(blocks.join("\n")).toBe(list.join("\n"));
  });

  it("changes only the end while a text grows", () => {
    const text = "One.\n\n- a\n- b\n\n```\ncode\n\nmore\n```\n\n| t |\n|---|\n| u |\n\nEnd of it.";
    const whole = splitBlocks(text);
    for (let end = 1; end <= text.length; end += 1) {
      const part = splitBlocks(text.slice(0, end));
      expect(part.slice(0, -1)).toEqual(whole.slice(0, Math.max(0, part.length - 1)));
    }
  });

  it.each([
    [
      "blocks of all kinds",
      "# T\n\nOne.\n\n1. a\n\n2. b\n\n12) c\n\n> q\n\n```\nx\n\ny\n```\n\n- d\n\n  more\n\nEnd.",
    ],
    [
      "definitions that come late",
      "[a][x] and [b][y]\n\n[x]: https://a.example\n\n- z\n\n[y]: https://b.example\n\nw",
    ],
    ["footnotes", "a[^1]\n\nb\n\n[^1]: c\n\nd"],
    ["a very long list", Array.from({ length: 300 }, (_, index) => `- item number ${index}`).join("\n")],
    ["very many lines without a blank one", "Some *line* of words here.\n".repeat(300)],
    ["a very long paragraph", `${"some **bold** words, `code` and more ".repeat(150)}\n\nNext.`],
  ])("cuts a text that grows as it cuts the whole: %s", (_, text) => {
    for (const step of [1, 7]) {
      const growing = new BlockSplitter();
      for (let end = 1; end < text.length; end += step) growing.split(text.slice(0, end));
      expect(growing.split(text)).toEqual(new BlockSplitter().split(text));
    }
  });

  it("begins anew with another text", () => {
    const splitter = new BlockSplitter();
    splitter.split("a[^1]\n\n[^1]: b");
    expect(splitter.split("One.\n\nTwo.")).toHaveLength(2);
  });

  it("lets a very long paragraph flow on in pieces, none of which breaks code or emphasis", () => {
    const text = "word **strong words here** and `some code` then ".repeat(200).trim();
    const blocks = new BlockSplitter().split(text);
    expect(blocks.length).toBeGreaterThan(4);
    expect(blocks.map(({ source, glue }) => source + (glue ?? "")).join("")).toBe(text);
    expect(blocks.at(-1)?.glue).toBeUndefined();
    for (const { source } of blocks) {
      expect(source.match(/\*\*/g)?.length ?? 0).toSatisfy((count: number) => count % 2 === 0);
      expect(source.match(/`/g)?.length ?? 0).toSatisfy((count: number) => count % 2 === 0);
      expect(source).toMatch(/^\p{L}/u);
    }
  });

  it.each([
    ["a list item", `- ${"word ".repeat(1_000)}`],
    ["a quote", `> ${"word ".repeat(1_000)}`],
    ["code", `\`\`\`\n${"word ".repeat(1_000)}\n\`\`\``],
    ["a table", `| ${"word ".repeat(1_000)} |\n|---|\n| b |`],
    ["a table without outer bars", `a | b\n---|---\n${"one | two\n".repeat(400)}`],
    ["lines that end hard", "word  \nword\\\n".repeat(400)],
    ["one unbroken string", "w".repeat(5_000)],
  ])("leaves %s in one piece, however long", (_, text) => {
    expect(splitBlocks(text)).toHaveLength(1);
  });

  it("stays cheap where no place is found to cut", () => {
    const started = performance.now();
    new BlockSplitter().split("2 * 3 ".repeat(20_000));
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
