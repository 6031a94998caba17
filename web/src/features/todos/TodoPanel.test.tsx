import { QueryClientProvider } from "@tanstack/react-query";
import { fireEvent, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { queryClient } from "@/api/queryClient";
import { at } from "@/api/testData";
import type { Todo } from "@/api/types";
import TodoPanel from "./TodoPanel";

const sent: unknown[] = [];
let todos: Todo[] = [];

const server = setupServer(
  http.get(at("/todos"), () => HttpResponse.json({ todos })),
  http.post(at("/todos"), async ({ request }) => {
    sent.push(await request.json());
    return HttpResponse.json(todo({}), { status: 201 });
  }),
  http.patch(at("/todos/1"), async ({ request }) => {
    const change = (await request.json()) as Partial<Todo>;
    sent.push(change);
    todos = todos.map((each) => ({ ...each, ...change }));
    return HttpResponse.json(todos[0]);
  }),
);

const todo = (fields: Partial<Todo>): Todo => ({
  id: 1,
  title: "milk",
  done: false,
  due_at: null,
  created_at: "2026-01-01T00:00:00.000Z",
  updated_at: "2026-01-01T00:00:00.000Z",
  ...fields,
});
const midnight = (year: number, month: number, day: number) => new Date(year, month - 1, day).toISOString();

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
beforeEach(() => {
  sent.length = 0;
  todos = [];
});
afterEach(() => queryClient.clear());

const open = () =>
  render(
    <QueryClientProvider client={queryClient}>
      <TodoPanel onClose={() => undefined} />
    </QueryClientProvider>,
  );

describe("todos", () => {
  it("are added without a date", async () => {
    open();
    await userEvent.type(screen.getByRole("textbox", { name: "New todo" }), "tea");
    await userEvent.click(screen.getByRole("button", { name: "Add todo" }));
    await waitFor(() => expect(sent).toEqual([{ title: "tea" }]));
  });

  it("are added with one", async () => {
    open();
    await userEvent.type(screen.getByRole("textbox", { name: "New todo" }), "milk");
    fireEvent.change(screen.getByLabelText("Due"), { target: { value: "2026-03-31" } });
    await userEvent.click(screen.getByRole("button", { name: "Add todo" }));
    await waitFor(() => expect(sent).toEqual([{ title: "milk", due_at: midnight(2026, 3, 31) }]));
  });

  it("get another date, or none", async () => {
    todos = [todo({ due_at: midnight(2100, 5, 4) })];
    open();
    await screen.findByText(/Due .*May 4/);
    await userEvent.click(screen.getByRole("button", { name: "Change the date of milk" }));
    const field = screen.getByLabelText<HTMLInputElement>("Due date of milk");
    expect(field.value).toBe("2100-05-04");
    fireEvent.change(field, { target: { value: "2100-06-07" } });
    fireEvent.blur(field);
    await screen.findByText(/Due .*Jun 7/);
    await userEvent.click(screen.getByRole("button", { name: "Change the date of milk" }));
    fireEvent.change(screen.getByLabelText("Due date of milk"), { target: { value: "" } });
    fireEvent.blur(screen.getByLabelText("Due date of milk"));
    await waitFor(() => expect(screen.queryByText(/^Due .*Jun/)).toBeNull());
    expect(sent).toEqual([{ due_at: midnight(2100, 6, 7) }, { due_at: null }]);
  });

  it("that are due on a day are late only when it is over", async () => {
    const now = new Date();
    const today = midnight(now.getFullYear(), now.getMonth() + 1, now.getDate());
    todos = [todo({ due_at: today }), todo({ id: 2, title: "old", due_at: midnight(2020, 1, 1) })];
    open();
    await screen.findByText(/^Was due/);
    expect(screen.getAllByText(/^Was due/)).toHaveLength(1);
  });
});
