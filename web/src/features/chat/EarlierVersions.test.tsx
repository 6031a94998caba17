import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { queryClient } from "@/api/queryClient";
import { message } from "@/api/testData";
import type { Message } from "@/api/types";
import { MessageItem } from "./MessageItem";

const path = "http://localhost:3000/api/v1/chat/conversations/c1/messages/7/revisions";
let asked = 0;
const server = setupServer(
  http.get(path, () => {
    asked += 1;
    return HttpResponse.json({
      revisions: [
        { revision: 1, content: "It began so", superseded_at: "2026-01-01T00:00:00.000Z" },
        { revision: 2, content: "", superseded_at: "2026-01-01T00:01:00.000Z" },
      ],
    });
  }),
);
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
afterEach(() => {
  asked = 0;
  queryClient.clear();
  server.resetHandlers();
});

const show = (fields: Partial<Message>) =>
  render(
    <QueryClientProvider client={queryClient}>
      <MessageItem
        message={message({ id: 7, content: "Another answer", ...fields })}
        endsTurn
        onRetry={() => undefined}
        onGoOn={null}
        onExplainModel={() => undefined}
      />
    </QueryClientProvider>,
  );

it("an answer that began again keeps what it had said, behind a line that opens", async () => {
  show({ revision: 3 });
  const summary = screen.getByText("Earlier versions");
  expect(asked).toBe(0);
  await userEvent.click(summary);
  const [first, second] = await screen.findAllByRole("region");
  expect(first?.textContent).toContain("It began so");
  expect(second?.textContent).toContain("Nothing had been written yet.");
  expect(asked).toBe(1);
});

it("an answer in one piece has none", () => {
  show({ revision: 1 });
  expect(screen.queryByText(/Earlier version/)).toBeNull();
});

it("says why they can't be shown", async () => {
  server.use(
    http.get(path, () =>
      HttpResponse.json({ status: 404, code: "not_found", detail: "Gone." }, { status: 404 }),
    ),
  );
  show({ revision: 2 });
  await userEvent.click(screen.getByText("Earlier version"));
  expect((await screen.findByRole("alert")).textContent).toBe("Gone.");
});

it("says that it loads while the server takes its time", async () => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  server.use(
    http.get(path, async () => {
      await held;
      return HttpResponse.json({ revisions: [] });
    }),
  );
  show({ revision: 3 });
  await userEvent.click(screen.getByText("Earlier versions"));
  expect((await screen.findByRole("status")).textContent).toBe("Loading…");
  answer();
  await waitFor(() => expect(screen.queryByRole("status")).toBeNull());
});
