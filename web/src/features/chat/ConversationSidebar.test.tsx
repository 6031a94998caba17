import { QueryClientProvider } from "@tanstack/react-query";
import {
  createMemoryHistory,
  createRootRoute,
  createRoute,
  createRouter,
  RouterProvider,
} from "@tanstack/react-router";
import { act, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { activity } from "@/api/activityStore";
import { forgetConversation, receiveConversation } from "@/api/conversationService";
import { queryClient } from "@/api/queryClient";
import { conversation } from "@/api/testData";
import { ConversationSidebar } from "./ConversationSidebar";

const at = (path: string) => `http://localhost:3000/api/v1/chat/conversations${path}`;
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const lisbon = conversation({ conversation_id: "c1", title: "Lisbon", updated_at: minutesAgo(1) });
const rust = conversation({ conversation_id: "c2", user_input: "What is Rust?", updated_at: minutesAgo(2) });

const calls: unknown[] = [];
const server = setupServer(
  http.get(at(""), () =>
    HttpResponse.json({ conversations: [lisbon, rust], total: 2, page: 1, per_page: 30, next_cursor: null }),
  ),
  http.patch(at("/c1"), async ({ request }) => {
    const body = (await request.json()) as { title: string };
    calls.push(body);
    return HttpResponse.json({ ...lisbon, ...body });
  }),
  http.delete(at("/c2"), () => {
    calls.push("delete c2");
    return HttpResponse.json({ message: "Conversation deleted successfully" });
  }),
);

const deleted: string[] = [];
let started = 0;

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
afterEach(() => {
  server.resetHandlers();
  queryClient.clear();
  activity.clear();
});

beforeEach(async () => {
  calls.length = 0;
  deleted.length = 0;
  started = 0;
  const root = createRootRoute({
    component: () => (
      <ConversationSidebar
        conversationId="c1"
        header={null}
        footer={null}
        onNewConversation={() => {
          started += 1;
        }}
        onOpened={() => undefined}
        onDeleted={(id) => deleted.push(id)}
      />
    ),
  });
  const open = createRoute({ getParentRoute: () => root, path: "/c/$conversationId" });
  const router = createRouter({
    routeTree: root.addChildren([open]),
    history: createMemoryHistory({ initialEntries: ["/c/c1"] }),
  });
  render(
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router as never} />
    </QueryClientProvider>,
  );
  await screen.findByRole("link", { name: /Lisbon/ });
});

const titles = () => screen.getAllByRole("link").map((link) => link.textContent);

it("lists conversations by their title, or else by their first message, and marks the open one", () => {
  const nav = screen.getByRole("navigation", { name: "Conversations" });
  expect(titles()).toEqual(["Lisbon", "What is Rust?"]);
  const current = within(nav).getByRole("link", { name: /Lisbon/ });
  expect(current.getAttribute("aria-current")).toBe("page");
  expect(current.getAttribute("href")).toBe("/c/c1");
});

it("begins a new conversation", async () => {
  await userEvent.click(screen.getByRole("button", { name: "New conversation" }));
  expect(started).toBe(1);
});

it("renames", async () => {
  await userEvent.click(screen.getByRole("button", { name: "More for Lisbon" }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Rename" }));
  const field = await screen.findByRole("textbox", { name: "Conversation title" });
  await userEvent.clear(field);
  await userEvent.type(field, "A week in Lisbon{enter}");
  await screen.findByRole("link", { name: /A week in Lisbon/ });
  expect(calls).toEqual([{ title: "A week in Lisbon" }]);
});

it("renames by keyboard alone, and the focus stays on the line", async () => {
  screen.getByRole("button", { name: "More for Lisbon" }).focus();
  await userEvent.keyboard("{enter}");
  (await screen.findByRole("menuitem", { name: "Rename" })).focus();
  await userEvent.keyboard("{enter}");
  const field = await screen.findByRole("textbox", { name: "Conversation title" });
  await waitFor(() => expect(document.activeElement).toBe(field));
  await userEvent.keyboard("Porto{enter}");
  const renamed = await screen.findByRole("link", { name: /Porto/ });
  expect(document.activeElement).toBe(renamed);
  expect(calls).toEqual([{ title: "Porto" }]);

  await userEvent.click(screen.getByRole("button", { name: "More for Porto" }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Rename" }));
  const again = await screen.findByRole("textbox", { name: "Conversation title" });
  await waitFor(() => expect(document.activeElement).toBe(again));
  await userEvent.keyboard("Braga{escape}");
  expect(document.activeElement).toBe(screen.getByRole("link", { name: /Porto/ }));
  expect(calls).toHaveLength(1);
});

it("deletes only after it was confirmed", async () => {
  await userEvent.click(screen.getByRole("button", { name: "More for What is Rust?" }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Delete conversation" }));
  const dialog = await screen.findByRole("alertdialog", { name: "Delete this conversation?" });
  expect(dialog.textContent).toContain("What is Rust?");
  expect(calls).toEqual([]);
  await userEvent.click(within(dialog).getByRole("button", { name: "Delete conversation" }));
  await waitFor(() => expect(deleted).toEqual(["c2"]));
  expect(calls).toEqual(["delete c2"]);
  expect(titles()).toEqual(["Lisbon"]);
});

it("says why something could not be deleted, and keeps it", async () => {
  server.use(
    http.delete(at("/c2"), () =>
      HttpResponse.json(
        { type: "", title: "", status: 503, code: "not_writable", detail: "The disk is full." },
        { status: 503 },
      ),
    ),
  );
  await userEvent.click(screen.getByRole("button", { name: "More for What is Rust?" }));
  await userEvent.click(await screen.findByRole("menuitem", { name: "Delete conversation" }));
  const dialog = await screen.findByRole("alertdialog");
  await userEvent.click(within(dialog).getByRole("button", { name: "Delete conversation" }));
  expect((await within(dialog).findByRole("alert")).textContent).toBe("The disk is full.");
  expect(deleted).toEqual([]);
});

it("follows what happens elsewhere: new, renamed, active again, deleted, running", async () => {
  act(() =>
    receiveConversation(conversation({ conversation_id: "c3", title: "New", updated_at: minutesAgo(0) })),
  );
  await waitFor(() => expect(titles()).toEqual(["New", "Lisbon", "What is Rust?"]));
  act(() => receiveConversation({ ...rust, title: "Rust", updated_at: minutesAgo(-1) }));
  await waitFor(() => expect(titles()).toEqual(["Rust", "New", "Lisbon"]));
  act(() => forgetConversation("c3"));
  await waitFor(() => expect(titles()).toEqual(["Rust", "Lisbon"]));
  act(() => activity.setRun("c2", { run_id: "r", state: "running" }));
  expect(screen.getByRole("img", { name: "Answering" })).toBeDefined();
  act(() => activity.setRun("c2", { run_id: "r", state: "completed" }));
  expect(screen.queryByRole("img", { name: "Answering" })).toBeNull();
});
