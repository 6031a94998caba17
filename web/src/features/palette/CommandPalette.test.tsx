import { QueryClientProvider } from "@tanstack/react-query";
import { act, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { receiveConversation } from "@/api/conversationService";
import { queryClient } from "@/api/queryClient";
import { conversation } from "@/api/testData";
import CommandPalette from "./CommandPalette";

const recent = [
  conversation({ conversation_id: "c1", title: "Lisbon in May" }),
  conversation({ conversation_id: "c2", title: "What is Rust?" }),
];
const old = conversation({ conversation_id: "c9", title: "Lisbon, years ago" });
const asked: (string | null)[] = [];
const LATE = "2026-02-01T00:00:00.000Z";

const server = setupServer(
  http.get("http://localhost:3000/api/v1/chat/conversations", ({ request }) => {
    const q = new URL(request.url).searchParams.get("q");
    if (q) asked.push(q);
    const conversations = q ? [recent[0], old] : recent;
    return HttpResponse.json({ conversations, total: 3, page: 1, per_page: 30, next_cursor: "more" });
  }),
);
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
afterEach(() => queryClient.clear());

let done: string[];
const field = () => screen.getByRole("combobox", { name: "Search conversations and commands" });
const options = () => screen.queryAllByRole("option").map((option) => option.textContent);
const marked = () => screen.getByRole("option", { selected: true }).textContent;

beforeEach(async () => {
  done = [];
  asked.length = 0;
  render(
    <QueryClientProvider client={queryClient}>
      <CommandPalette
        commands={[
          { label: "New conversation", keys: ["Ctrl", "Shift", "O"], run: () => done.push("new") },
          { label: "Show todos", run: () => done.push("todos") },
        ]}
        onOpenConversation={(id) => done.push(id)}
        onClose={() => done.push("closed")}
      />
    </QueryClientProvider>,
  );
  await screen.findByRole("option", { name: /What is Rust/ });
});

it("shows what can be done and the latest conversations, and is ready to type in", () => {
  expect(options()).toEqual([
    "New conversationCtrlShiftO",
    "Show todos",
    "Lisbon in MayConversation",
    "What is Rust?Conversation",
  ]);
  expect(document.activeElement).toBe(field());
  expect(field().getAttribute("aria-activedescendant")).toBe(screen.getAllByRole("option")[0]?.id);
});

it("goes to the conversation that is marked", async () => {
  await userEvent.type(field(), "{ArrowUp}{ArrowUp}");
  expect(marked()).toContain("Lisbon in May");
  await userEvent.type(field(), "{ArrowDown}{enter}");
  expect(done).toEqual(["closed", "c2"]);
});

it("what is marked stays so when another conversation comes before it", async () => {
  await userEvent.type(field(), "{ArrowUp}");
  expect(marked()).toContain("What is Rust?");
  act(() => receiveConversation(conversation({ conversation_id: "c3", title: "New", updated_at: LATE })));
  await waitFor(() => expect(options()).toHaveLength(5));
  expect(marked()).toContain("What is Rust?");
  await userEvent.type(field(), "{enter}");
  expect(done).toEqual(["closed", "c2"]);
});

it("does what is clicked", async () => {
  await userEvent.click(screen.getByRole("option", { name: "Show todos" }));
  expect(done).toEqual(["closed", "todos"]);
});

it("finds by words, in the list here at once and then in all that the server has", async () => {
  await userEvent.type(field(), "lisbon");
  expect(options()).toEqual(["Lisbon in MayConversation"]);
  await screen.findByRole("option", { name: /years ago/ });
  expect(options()).toEqual(["Lisbon in MayConversation", "Lisbon, years agoConversation"]);
  // Not for every letter.
  expect(asked).toEqual(["lisbon"]);
  // What was found for other words is no answer to these.
  await userEvent.type(field(), " in");
  expect(options()).toEqual(["Lisbon in MayConversation"]);
  await userEvent.type(field(), "{backspace}{backspace}{backspace}");
  await userEvent.type(field(), "{ArrowDown}{enter}");
  expect(done).toEqual(["closed", "c9"]);
});

it("says that there is nothing of that name", async () => {
  server.use(
    http.get("http://localhost:3000/api/v1/chat/conversations", () =>
      HttpResponse.json({ conversations: [], total: 0, page: 1, per_page: 8, next_cursor: null }),
    ),
  );
  await userEvent.type(field(), "zzz{enter}");
  await waitFor(() => expect(screen.getByText("Nothing has this in its name.")).toBeDefined());
  expect(done).toEqual([]);
  server.resetHandlers();
});

it("says that there is nothing only when the server has said so", async () => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  server.use(
    http.get("http://localhost:3000/api/v1/chat/conversations", async () => {
      await held;
      return HttpResponse.json({ conversations: [], total: 0, page: 1, per_page: 8, next_cursor: null });
    }),
  );
  await userEvent.type(field(), "zzz");
  expect(screen.getByRole("status").textContent).toBe("Searching…");
  answer();
  await waitFor(() => expect(screen.getByRole("status").textContent).toBe("Nothing has this in its name."));
  server.resetHandlers();
});

it("says that only what is here was searched when the server can't be asked", async () => {
  server.use(
    http.get("http://localhost:3000/api/v1/chat/conversations", () =>
      HttpResponse.json({ status: 429, code: "rate_limited", detail: "Too often." }, { status: 429 }),
    ),
  );
  await userEvent.type(field(), "lisbon");
  await waitFor(() =>
    expect(screen.getByRole("status").textContent).toBe("Older conversations were not searched: Too often."),
  );
  expect(options()).toEqual(["Lisbon in MayConversation"]);
  server.resetHandlers();
});
