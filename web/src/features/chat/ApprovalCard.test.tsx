import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";
import type { Approval } from "@/api/types";
import { ApprovalCard } from "./ApprovalCard";

const approval: Approval = {
  approval_id: "a1",
  call_id: "call",
  run_id: "r1",
  conversation_id: "c1",
  tool_name: "send_mail",
  arguments: { to: "bob@example.org", text: "Hello\nthere", tags: ["a", 1], note: "" },
  target: "POST https://mail.example.org/send",
  arguments_hash: "h",
  decision: null,
  scope: null,
  created_at: "2026-01-01T00:00:00.000Z",
  decided_at: null,
};

const card = () => screen.getByRole("region", { name: "Approval: send mail" });

describe("a call that waits for approval", () => {
  it("can be read as a whole, and is described to whoever hears the buttons", () => {
    const long = "word ".repeat(2_000).trim();
    render(<ApprovalCard approval={{ ...approval, arguments: { long, n: 5 } }} onDecide={vi.fn()} />);
    expect(within(card()).getByRole("heading").textContent).toBe("The assistant asks to use send mail");
    expect(card().textContent).toContain(long);
    expect(within(card()).getByText("5")).toBeDefined();
    const described = screen.getByRole("button", { name: "Approve" }).getAttribute("aria-describedby");
    expect(document.getElementById(described ?? "")?.textContent).toContain("send_mail");
    expect(document.getElementById(described ?? "")?.textContent).toContain(
      "Goes to POST https://mail.example.org/send",
    );
  });

  it("shows texts, lists and what is empty as what they are", () => {
    render(<ApprovalCard approval={approval} onDecide={vi.fn()} />);
    expect(screen.getByText("bob@example.org")).toBeDefined();
    expect(card().textContent).toContain('[\n  "a",\n  1\n]');
    expect(screen.getByText("(empty text)")).toBeDefined();
  });

  it("spells out what could not be seen, and shows HTML as text", () => {
    const tricky = { to: "bob\u202egro.elpmaxe\u200b", html: "<img src=x onerror=alert(1)>" };
    render(<ApprovalCard approval={{ ...approval, arguments: tricky }} onDecide={vi.fn()} />);
    expect(screen.getByText("bob⟨U+202E⟩gro.elpmaxe⟨U+200B⟩")).toBeDefined();
    expect(card().querySelector("img")).toBeNull();
  });

  it("offers both answers alike", () => {
    render(<ApprovalCard approval={approval} onDecide={vi.fn()} />);
    const [yes, no] = within(card()).getAllByRole("button");
    expect([yes?.textContent, no?.textContent]).toEqual(["Approve", "Deny"]);
    expect(yes?.className).toBe(no?.className);
  });

  it.each([
    ["Approve", "approve", "once"],
    ["Deny", "deny", "once"],
    ["Allow always in this conversation", "approve", "conversation"],
  ])("%s is sent once, however often it is pressed", async (name, decision, scope) => {
    const onDecide = vi.fn(() => new Promise<void>(() => undefined));
    render(<ApprovalCard approval={approval} onDecide={onDecide} />);
    await userEvent.dblClick(screen.getByRole("button", { name }));
    expect(onDecide).toHaveBeenCalledExactlyOnceWith(approval, decision, scope);
    expect(screen.getByRole<HTMLButtonElement>("button", { name: "Deny" }).disabled).toBe(true);
  });

  it("says how far a permission reaches before it is given", () => {
    render(<ApprovalCard approval={approval} onDecide={vi.fn()} />);
    const always = screen.getByRole("button", { name: "Allow always in this conversation" });
    const described = document.getElementById(always.getAttribute("aria-describedby") ?? "");
    expect(described?.textContent).toContain("made without asking, whatever their arguments");
  });

  it("says when nothing was decided, and can be answered again", async () => {
    const onDecide = vi.fn(() => Promise.reject(new Error("The server can't be reached.")));
    render(<ApprovalCard approval={approval} onDecide={onDecide} />);
    await userEvent.click(screen.getByRole("button", { name: "Approve" }));
    const alert = await screen.findByRole("alert");
    expect(alert.textContent).toBe("The server can't be reached. Nothing was decided.");
    await waitFor(() =>
      expect(screen.getByRole<HTMLButtonElement>("button", { name: "Deny" }).disabled).toBe(false),
    );
  });
});
