import { describe, expect, it } from "vitest";
import { splitBlocks } from "./markdownBlocks";

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
});
