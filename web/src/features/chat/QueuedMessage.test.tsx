import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Branch } from "@/api/messageList";
import { keys, queryClient } from "@/api/queryClient";
import { message } from "@/api/testData";
import type { Message } from "@/api/types";
import { QueuedMessage } from "./QueuedMessage";
import { useQueue } from "./useQueue";

const waits = message({ id: 3, role: "user", message_type: "user_input", content: "tyop", status: "queued" });
const at = "http://localhost:3000/api/v1/chat/conversations/c1/messages/3";
const asked: unknown[] = [];
const server = setupServer(
  http.patch(at, async ({ request }) => {
    const { content } = (await request.json()) as { content: string };
    asked.push(content);
    return HttpResponse.json({ ...waits, content });
  }),
  http.delete(at, () => {
    asked.push("removed");
    return new HttpResponse(null, { status: 204 });
  }),
);
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(() => {
  asked.length = 0;
  // Drafts are kept beside the storage as well.
  userId += 1;
  vi.clearAllMocks();
  localStorage.clear();
});
afterEach(() => {
  queryClient.clear();
  server.resetHandlers();
});

let userId = 0;
const problem = vi.fn();
const late = vi.fn();
const removed = vi.fn();
const saved = vi.fn();

function Harness({ queued, open = "c1" }: { queued: Message[]; open?: string }) {
  const queue = useQueue({
    userId,
    conversationId: open,
    queued,
    attempt: (action) => action().then(saved, problem),
    onLate: late,
    onRemoved: removed,
  });
  return queued.map((each) => <QueuedMessage key={each.id} message={each} queue={queue} />);
}

const button = (name: string) => screen.getByRole("button", { name });
const field = () => screen.getByRole("textbox", { name: "Queued text" });

describe("a message that waits", () => {
  it("says so, and can be removed", async () => {
    render(<Harness queued={[waits]} />);
    expect(screen.getByRole("article", { name: "Queued message" }).textContent).toContain("Queued");
    await userEvent.click(button("Remove from the queue"));
    await vi.waitFor(() => expect(removed).toHaveBeenCalledOnce());
    expect(asked).toEqual(["removed"]);
  });

  it("can be changed with the keyboard alone", async () => {
    render(<Harness queued={[waits]} />);
    button("Edit queued message").focus();
    await userEvent.keyboard("{enter}");
    expect(document.activeElement).toBe(field());
    await userEvent.clear(field());
    await userEvent.keyboard("typo{shift>}{enter}{/shift}too{enter}");
    await vi.waitFor(() => expect(document.activeElement).toBe(button("Edit queued message")));
    expect(asked).toEqual(["typo\ntoo"]);
  });

  it("stays as it was on Escape, which goes no further", async () => {
    let passed = 0;
    const listen = (event: KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) passed += 1;
    };
    addEventListener("keydown", listen);
    render(<Harness queued={[waits]} />);
    await userEvent.click(button("Edit queued message"));
    await userEvent.type(field(), " more{escape}");
    expect(screen.getByText("tyop")).toBeDefined();
    expect([asked, passed]).toEqual([[], 0]);
    removeEventListener("keydown", listen);
  });

  it("keeps the field, and says why, when it could not be saved", async () => {
    server.use(http.patch(at, () => HttpResponse.error()));
    render(<Harness queued={[waits]} />);
    await userEvent.click(button("Edit queued message"));
    await userEvent.type(field(), "!{enter}");
    await vi.waitFor(() => expect(problem).toHaveBeenCalledOnce());
    expect((field() as HTMLTextAreaElement).value).toBe("tyop!");
  });

  it("gives the changes back to the input when its turn comes before they are saved", async () => {
    const { rerender } = render(<Harness queued={[waits]} />);
    await userEvent.click(button("Edit queued message"));
    await userEvent.type(field(), " almost");
    rerender(<Harness queued={[]} />);
    expect(late).toHaveBeenCalledOnce();
    expect(localStorage.getItem(`rejoinder.draft.${userId}.c1`)).toBe("tyop almost");
  });

  it.each([
    ["the saved text gives nothing", "tyop almost", null],
    ["another text gives the changes", "tyop", "tyop almost"],
  ])("whose turn comes with %s back to the input", async (_, content, draft) => {
    const { rerender } = render(<Harness queued={[waits]} />);
    await userEvent.click(button("Edit queued message"));
    await userEvent.type(field(), " almost ");
    const answered: Message = { ...waits, content, status: "complete" };
    queryClient.setQueryData<Branch>(keys.messages("c1"), {
      messages: [answered],
      hasOlder: false,
      queued: [],
    });
    rerender(<Harness queued={[]} />);
    expect(late).toHaveBeenCalledTimes(draft ? 1 : 0);
    expect(localStorage.getItem(`rejoinder.draft.${userId}.c1`)?.trim() ?? null).toBe(draft);
  });

  it("keeps the changes when its conversation is left, and says nothing in the next", async () => {
    const { rerender } = render(<Harness queued={[waits]} />);
    await userEvent.click(button("Edit queued message"));
    await userEvent.type(field(), " almost");
    rerender(<Harness queued={[]} open="c2" />);
    expect(late).not.toHaveBeenCalled();
    expect(localStorage.getItem(`rejoinder.draft.${userId}.c1`)).toBe("tyop almost");
  });

  it("leaves alone what is being written by the time it was saved", async () => {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    server.use(
      http.patch(at, async () => {
        asked.push("saving");
        await held;
        return HttpResponse.json(waits);
      }),
    );
    const next = { ...waits, id: 4, content: "next" };
    render(<Harness queued={[waits, next]} />);
    const [editFirst] = screen.getAllByRole("button", { name: "Edit queued message" });
    await userEvent.click(editFirst as HTMLElement);
    await userEvent.type(field(), "!{enter}");
    await vi.waitFor(() => expect(asked).toEqual(["saving"]));
    await userEvent.click(button("Edit queued message"));
    await userEvent.type(field(), " one");
    answer();
    await vi.waitFor(() => expect(saved).toHaveBeenCalledOnce());
    expect((field() as HTMLTextAreaElement).value).toBe("next one");
  });
});
