import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { http } from "msw";
import { expect, it } from "vitest";
import { FakeSocket } from "@/api/fakeSocket";
import { at } from "@/api/testData";
import { open, problem, server, state, withApp } from "./appHarness";
import { router } from "./router";

withApp();

it("a message to a conversation that was deleted elsewhere waits in the input of a new one", async () => {
  state.signedIn = true;
  router.history.replace("/c/c1");
  await open();
  await waitFor(() => expect(FakeSocket.all.length).toBeGreaterThan(0));
  act(() => FakeSocket.last.ready({ cursor: "1" }));
  await screen.findByRole("heading", { name: "Greetings" });
  await userEvent.type(screen.getByRole("textbox", { name: "Message" }), "Keep this{enter}");
  const sent = FakeSocket.last.sent.findLast(({ type }) => type === "message")?.data as {
    client_message_id: string;
  };
  server.use(http.get(at("/chat/conversations/c1/messages"), () => problem(404, "Not here.")));
  const { client_message_id } = sent;
  const refused = { status: 404, code: "not_found", detail: "Not here.", client_message_id };
  act(() => FakeSocket.last.receive({ type: "error", data: refused }));
  await screen.findByText("What you wrote is in the input of a new one.");
  await userEvent.click(screen.getByRole("button", { name: "Start a new one" }));
  await screen.findByDisplayValue("Keep this");
  expect(screen.getByRole("alert").textContent).toContain("is gone. The text is in the input here.");
});
