import { fireEvent, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { beforeEach, describe, expect, it } from "vitest";
import { restoreDraft, useDraft } from "@/api/drafts";
import { MessageInput } from "./MessageInput";

let sent: string[];
let interrupted: string[];
let stops: number;
let recalls: number;

function Harness({ busy = false, blocked = false, start = "" }) {
  const [value, setValue] = useState(start);
  return (
    <MessageInput
      value={value}
      onChange={setValue}
      onSend={(text) => {
        sent.push(text);
        setValue("");
      }}
      onInterrupt={(text) => {
        interrupted.push(text);
        setValue("");
      }}
      onStop={() => {
        stops += 1;
      }}
      onRecall={() => {
        recalls += 1;
      }}
      busy={busy}
      blocked={blocked}
    />
  );
}

const field = () => screen.getByRole("textbox", { name: "Message" }) as HTMLTextAreaElement;

beforeEach(() => {
  sent = [];
  interrupted = [];
  stops = 0;
  recalls = 0;
});

describe("Enter", () => {
  it("sends the text without the space around it", async () => {
    render(<Harness />);
    await userEvent.type(field(), "  Hello there {enter}");
    expect(sent).toEqual(["Hello there"]);
    expect(field().value).toBe("");
  });

  it("breaks the line with Shift", async () => {
    render(<Harness />);
    await userEvent.type(field(), "one{shift>}{enter}{/shift}two");
    expect(sent).toEqual([]);
    expect(field().value).toBe("one\ntwo");
  });

  it("belongs to an input method while it composes", () => {
    render(<Harness start="にほ" />);
    fireEvent.keyDown(field(), { key: "Enter", isComposing: true });
    fireEvent.keyDown(field(), { key: "Enter", keyCode: 229 });
    expect(sent).toEqual([]);
    fireEvent.keyDown(field(), { key: "Enter" });
    expect(sent).toEqual(["にほ"]);
  });

  it("sends nothing when there is nothing, or while the last one is on its way", async () => {
    const { rerender } = render(<Harness />);
    await userEvent.type(field(), " {enter}");
    rerender(<Harness blocked />);
    await userEvent.type(field(), "more{enter}");
    expect(sent).toEqual([]);
    expect(field().value.trim()).toBe("more");
  });

  it("with Ctrl or Cmd interrupts the answer that is written, and is an ordinary one otherwise", async () => {
    const { rerender } = render(<Harness busy start="no, this" />);
    await userEvent.type(field(), "{Control>}{enter}{/Control}");
    await userEvent.type(field(), "and this{Meta>}{enter}{/Meta}");
    expect(interrupted).toEqual(["no, this", "and this"]);
    rerender(<Harness />);
    await userEvent.type(field(), "plain{Control>}{enter}{/Control}");
    expect(sent).toEqual(["plain"]);
  });
});

it("↑ wants the last message back, where there is nothing else for it to do", async () => {
  render(<Harness />);
  await userEvent.type(field(), "{ArrowUp}");
  expect(recalls).toBe(1);
  await userEvent.type(field(), "{Shift>}{ArrowUp}{/Shift}a{ArrowUp}");
  expect(recalls).toBe(1);
});

describe("the button", () => {
  it("sends", async () => {
    render(<Harness start="Hi" />);
    await userEvent.click(screen.getByRole("button", { name: "Send message" }));
    expect(sent).toEqual(["Hi"]);
  });

  it("stops while an answer is written, and writing stays possible", async () => {
    render(<Harness busy />);
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    expect(stops).toBe(1);
    await userEvent.type(field(), "next");
    expect(field().value).toBe("next");
    await userEvent.click(screen.getByRole("button", { name: "Stop" }));
    expect(stops).toBe(2);
  });

  it("sends what waits its turn while an answer is written", async () => {
    render(<Harness busy />);
    expect(screen.queryByRole("button", { name: "Queue message" })).toBeNull();
    await userEvent.type(field(), "next");
    expect(screen.getByText("Goes out after this answer")).toBeDefined();
    await userEvent.click(screen.getByRole("button", { name: "Queue message" }));
    await userEvent.type(field(), "then this{enter}");
    expect(sent).toEqual(["next", "then this"]);
    await userEvent.type(field(), "now");
    await userEvent.click(screen.getByRole("button", { name: "Interrupt and send" }));
    expect(interrupted).toEqual(["now"]);
  });
});

describe("the limit of 10,000 characters", () => {
  const counter = () => document.getElementById("message-length");

  it("is counted in code points, and said only when it is near", () => {
    const { rerender } = render(<Harness key="a" start={"a".repeat(8_999)} />);
    expect(counter()).toBeNull();
    rerender(<Harness key="b" start={"🎉".repeat(10_000)} />);
    expect(counter()?.textContent).toBe("10,000 / 10,000");
    expect((screen.getByRole("button", { name: "Send message" }) as HTMLButtonElement).disabled).toBe(false);
    rerender(<Harness key="c" start={"🎉".repeat(10_001)} />);
    expect(counter()?.textContent).toBe("10,001 / 10,000");
    expect((screen.getByRole("button", { name: "Send message" }) as HTMLButtonElement).disabled).toBe(true);
    fireEvent.keyDown(field(), { key: "Enter" });
    expect(sent).toEqual([]);
  });

  it("leaves room for the buttons on narrow screens, and tells screen readers all of it", () => {
    render(<Harness busy start={"a".repeat(9_000)} />);
    const unseen = [...document.querySelectorAll(".max-sm\\:sr-only")].map((each) => each.textContent);
    expect(unseen).toEqual([" / 10,000", " and send"]);
    expect(counter()?.textContent).toBe("9,000 / 10,000");
    screen.getByRole("button", { name: "Interrupt and send" });
  });
});

function Drafting({ conversation }: { conversation: string | null }) {
  const [draft, setDraft] = useDraft(1, conversation);
  return (
    <MessageInput
      value={draft}
      onChange={setDraft}
      onSend={() => undefined}
      onInterrupt={() => undefined}
      onStop={() => undefined}
      busy={false}
      blocked={false}
    />
  );
}

describe("drafts", () => {
  it("are kept for each conversation, and over a reload", async () => {
    const { rerender, unmount } = render(<Drafting conversation="a" />);
    await userEvent.type(field(), "for a");
    rerender(<Drafting conversation={null} />);
    expect(field().value).toBe("");
    await userEvent.type(field(), "for a new one");
    rerender(<Drafting conversation="a" />);
    expect(field().value).toBe("for a");
    unmount();
    expect(localStorage.getItem("rejoinder.draft.1.a")).toBe("for a");
    expect(localStorage.getItem("rejoinder.draft.1.")).toBe("for a new one");
  });

  it("get back what could not be sent, above what was typed since", async () => {
    render(<Drafting conversation="b" />);
    await userEvent.type(field(), "typed since");
    fireEvent.click(document.body, { detail: restoreDraft(1, "b", "refused text") });
    expect(localStorage.getItem("rejoinder.draft.1.b")).toBe("refused text\n\ntyped since");
    await screen.findByDisplayValue(/refused text/);
  });
});
