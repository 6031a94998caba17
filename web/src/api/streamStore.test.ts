import { beforeEach, describe, expect, it } from "vitest";
import type { Delta } from "./frames";
import { applyDelta, applyMessage, clearStreams, flushStreams, useStreams } from "./streamStore";
import { message } from "./testData";

const streaming = (content: string, fields = {}) =>
  message({
    id: 7,
    status: "streaming",
    content,
    offsets: { text: new TextEncoder().encode(content).length, reasoning: 0, tool_arguments: 0 },
    ...fields,
  });

const delta = (offset: number, text: string, fields: Partial<Delta> = {}): Delta => ({
  message_id: 7,
  revision: 1,
  offset,
  channel: "text",
  text,
  ...fields,
});

function shown(): string | undefined {
  flushStreams();
  return useStreams.getState().texts[7]?.text;
}

beforeEach(clearStreams);

describe("deltas", () => {
  it("are appended in order", () => {
    applyMessage(streaming(""));
    expect(applyDelta(delta(0, "Hel"))).toBe("applied");
    expect(applyDelta(delta(3, "lo"))).toBe("applied");
    expect(shown()).toBe("Hello");
  });

  it("count offsets in UTF-8 bytes", () => {
    applyMessage(streaming(""));
    expect(applyDelta(delta(0, "Grüße "))).toBe("applied");
    expect(applyDelta(delta(8, "你好"))).toBe("applied");
    expect(applyDelta(delta(14, "🎉"))).toBe("applied");
    expect(applyDelta(delta(18, "!"))).toBe("applied");
    expect(shown()).toBe("Grüße 你好🎉!");
  });

  it("are ignored below what is here, and repeated ones change nothing", () => {
    applyMessage(streaming("Hello"));
    expect(applyDelta(delta(0, "Hel"))).toBe("ignored");
    expect(applyDelta(delta(0, "Hello"))).toBe("ignored");
    expect(shown()).toBe("Hello");
  });

  it("are cut where they overlap, between characters of several bytes too", () => {
    applyMessage(streaming("Gr"));
    expect(applyDelta(delta(0, "Grün"))).toBe("applied");
    expect(applyDelta(delta(2, "ün🎉 ok"))).toBe("applied");
    expect(shown()).toBe("Grün🎉 ok");
  });

  it("report a hole and leave the text as it is", () => {
    applyMessage(streaming("Hello"));
    expect(applyDelta(delta(9, "there"))).toBe("gap");
    expect(shown()).toBe("Hello");
  });

  it("report a hole when the message itself is unknown, unless they are its beginning", () => {
    expect(applyDelta(delta(4, "x"))).toBe("gap");
    expect(applyDelta(delta(0, "x"))).toBe("applied");
    expect(shown()).toBe("x");
  });

  it("keep channels apart", () => {
    applyMessage(streaming(""));
    expect(applyDelta(delta(0, "hm", { channel: "reasoning" }))).toBe("applied");
    expect(applyDelta(delta(0, "Yes"))).toBe("applied");
    expect(applyDelta(delta(2, "m", { channel: "reasoning" }))).toBe("applied");
    flushStreams();
    expect(useStreams.getState().texts[7]).toEqual({ text: "Yes", reasoning: "hmm" });
  });

  it("of a channel this page does not know are ignored", () => {
    applyMessage(streaming(""));
    expect(applyDelta(delta(0, "?", { channel: "audio" as "text" }))).toBe("ignored");
  });
});

describe("revisions", () => {
  it("replace the text when a delta begins a newer one", () => {
    applyMessage(streaming("First try"));
    expect(applyDelta(delta(0, "Second", { revision: 2 }))).toBe("applied");
    expect(shown()).toBe("Second");
  });

  it("keep the old text on screen until the first token of the new one", () => {
    applyMessage(streaming("First try"));
    applyMessage(streaming("", { revision: 2 }));
    expect(shown()).toBe("First try");
    applyDelta(delta(0, "S", { revision: 2 }));
    expect(shown()).toBe("S");
  });

  it("ignore what still comes of an older one", () => {
    applyMessage(streaming("New", { revision: 2 }));
    expect(applyDelta(delta(3, " old", { revision: 1 }))).toBe("ignored");
    applyMessage(streaming("Old text", { revision: 1 }));
    expect(shown()).toBe("New");
  });
});

describe("message frames", () => {
  it("of an older revision do not end the newer one", () => {
    applyMessage(streaming("New", { revision: 2 }));
    applyMessage(streaming("Old", { revision: 1, status: "interrupted" }));
    expect(shown()).toBe("New");
    expect(applyDelta(delta(3, "er", { revision: 2 }))).toBe("applied");
    expect(shown()).toBe("Newer");
  });

  it("of an older revision do not let the end of the newer one be forgotten", () => {
    applyMessage(streaming("New", { revision: 2, status: "complete" }));
    applyMessage(streaming("Old", { revision: 1, status: "interrupted" }));
    applyMessage(streaming("Old", { revision: 1 }));
    expect(applyDelta(delta(0, "New", { revision: 2 }))).toBe("ignored");
    expect(shown()).toBeUndefined();
  });

  it("fill a hole with the text so far", () => {
    applyMessage(streaming("Hello"));
    applyDelta(delta(12, "again"));
    applyMessage(streaming("Hello there, "));
    expect(applyDelta(delta(13, "again"))).toBe("applied");
    expect(shown()).toBe("Hello there, again");
  });

  it("never take back text that has been shown", () => {
    applyMessage(streaming("Hello there"));
    applyMessage(streaming("Hello"));
    expect(shown()).toBe("Hello there");
  });

  it("end the stream, and deltas replayed afterwards do not revive it", () => {
    applyMessage(streaming("Hel"));
    applyMessage(streaming("Hello", { status: "complete" }));
    expect(shown()).toBeUndefined();
    expect(applyDelta(delta(0, "Hel"))).toBe("ignored");
    expect(applyDelta(delta(900, "x"))).toBe("ignored");
    expect(shown()).toBeUndefined();
  });

  it("that are older than the end of their revision do not revive it", () => {
    applyMessage(streaming("Hello", { status: "complete" }));
    applyMessage(streaming("Hel"));
    applyMessage(streaming("Hel", { status: "awaiting_approval" }));
    expect(shown()).toBeUndefined();
    expect(applyDelta(delta(3, "lo"))).toBe("ignored");
    applyMessage(streaming("", { revision: 2 }));
    expect(applyDelta(delta(0, "Again", { revision: 2 }))).toBe("applied");
    expect(shown()).toBe("Again");
  });
});

it("any split of a text into overlapping, repeated deltas gives the text", () => {
  const text = "Straße – 你好, مرحبا 🎉 done";
  const chars = [...text];
  const bytes = (part: string[]) => new TextEncoder().encode(part.join("")).length;
  for (let size = 1; size <= 7; size += 1) {
    for (let overlap = 0; overlap < size; overlap += 1) {
      clearStreams();
      applyMessage(streaming(""));
      for (let at = 0; at < chars.length; at += size) {
        const from = Math.max(0, at - overlap);
        const part = delta(bytes(chars.slice(0, from)), chars.slice(from, at + size).join(""));
        expect(applyDelta(part)).toBe("applied");
        expect(applyDelta(part)).toBe("ignored");
      }
      expect(shown()).toBe(text);
    }
  }
});
