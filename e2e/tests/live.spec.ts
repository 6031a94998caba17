import {
  answers,
  api,
  expect,
  expectAnswer,
  message,
  questions,
  reconnecting,
  secondTab,
  send,
  test,
} from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

test("a second tab is live", async ({ chat, context, model }) => {
  await send(chat, "Both [[script: tokens=30 gate=a@10 gate=b@20]]");
  await model.reached("a");
  await expectAnswer(chat, scriptedText(10));

  const other = await secondTab(context);
  await other.goto(chat.url());
  await expectAnswer(other, scriptedText(10));
  await model.open("a");
  await expectAnswer(other, scriptedText(20));
  await expectAnswer(chat, scriptedText(20));
  await model.open("b");
  await expectAnswer(other, scriptedText(30));
  await expectAnswer(chat, scriptedText(30));

  // What the second tab asks shows in the first.
  await send(other, "More [[script: tokens=5]]");
  await expect(questions(chat)).toHaveCount(2);
  await expect(answers(chat).last()).toContainText(scriptedText(5));
});

test("Stop stops, keeps the words, and leaves the model", async ({ chat, server, model }) => {
  await send(chat, "Long [[script: tokens=30 gate=hold@7]]");
  await model.reached("hold");
  await expectAnswer(chat, scriptedText(7));
  await chat.getByRole("button", { name: "Stop" }).click();
  await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
  await expect(chat.getByRole("button", { name: "Send message" })).toBeVisible();
  await expect.poll(async () => (await model.asked())[0]?.ended).toBe("dropped");
  await model.open("hold");
  await expectAnswer(chat, scriptedText(7));

  const stored = await api(server);
  const [conversation] = await stored.conversations();
  const [, answer] = await stored.messages(conversation?.conversation_id ?? "");
  expect(answer).toEqual({ role: "assistant", content: scriptedText(7), status: "cancelled" });
});

test("the network goes and comes back", async ({ chat, cable, model }) => {
  await send(chat, "Cut [[script: tokens=40 gate=hold@10]]");
  await model.reached("hold");
  await expectAnswer(chat, scriptedText(10));

  cable.cut();
  await expect(reconnecting(chat)).toBeVisible();
  await model.open("hold");
  await expect.poll(async () => (await model.asked())[0]?.ended).toBe("complete");
  await expectAnswer(chat, scriptedText(10));

  cable.restore();
  await expectAnswer(chat, scriptedText(40));
  await expect(reconnecting(chat)).toBeHidden();
  await expect(questions(chat)).toHaveCount(1);
});

test("the browser says offline, then online", async ({ chat, context, model }) => {
  await send(chat, "Plane [[script: tokens=12 gate=hold@4]]");
  await model.reached("hold");
  await context.setOffline(true);
  await model.open("hold");
  await context.setOffline(false);
  await expectAnswer(chat, scriptedText(12));
});

test("SIGKILL mid-answer: after the restart it completes, nothing lost or doubled", async ({
  chat,
  server,
  model,
}) => {
  await send(chat, "Die [[script: tokens=40 gate=hold@12]]");
  await model.reached("hold");
  await expectAnswer(chat, scriptedText(12));

  await server.kill();
  await expect(reconnecting(chat)).toBeVisible();
  await expectAnswer(chat, scriptedText(12));
  await server.start();
  await model.reached("hold", 2);
  await model.open("hold");
  await expectAnswer(chat, scriptedText(40));
  await expect(questions(chat)).toHaveCount(1);

  const stored = await api(server);
  const [conversation] = await stored.conversations();
  expect(await stored.messages(conversation?.conversation_id ?? "")).toEqual([
    { role: "user", content: "Die [[script: tokens=40 gate=hold@12]]", status: "complete" },
    { role: "assistant", content: scriptedText(40), status: "complete" },
  ]);
  await chat.reload();
  await expectAnswer(chat, scriptedText(40));
  // This model can't go on in the middle of a sentence: what it had said before is kept as well.
  await chat.getByText("Earlier version").click();
  await expect(chat.getByRole("region", { name: "Version 1" })).toContainText(scriptedText(12));
});

test("a message written while the server drains arrives once, after the restart", async ({
  chat,
  server,
  model,
}) => {
  await send(chat, "First [[script: tokens=6 gate=hold@3]]");
  await model.reached("hold");
  await expectAnswer(chat, scriptedText(3));

  // Under which ids the second one goes out from here on, whichever way.
  const ids = new Set<string>();
  await chat.exposeFunction("sentUnder", (id: string) => ids.add(id));
  // In the page: the browser's protocol does not show the body of a request that can be repeated.
  await chat.evaluate(() => {
    const { fetch, sentUnder } = window as typeof window & { sentUnder: (id: string) => Promise<void> };
    window.fetch = async (...args) => {
      const request = new Request(...args);
      if (request.method === "POST" && request.url.endsWith("/chat/messages")) {
        await sentUnder((await request.clone().json()).client_message_id);
      }
      return await fetch(request);
    };
  });
  chat.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      const { type, data } = JSON.parse(String(payload)) as { type: string; data: Record<string, string> };
      if (type === "message" && data.client_message_id) ids.add(data.client_message_id);
    }),
  );

  const left = server.drain();
  await expect(reconnecting(chat)).toBeVisible();
  const refused = chat.waitForResponse(
    (response) => response.url().endsWith("/chat/messages") && response.status() === 503,
  );
  await message(chat).fill("Second [[script: tokens=2]]");
  await message(chat).press("Enter");
  await refused;
  await expect(chat.getByText("Waiting to be sent: the server is restarting")).toBeVisible();
  await expect(message(chat)).toHaveValue("");
  await expect(chat.getByRole("alert")).toBeHidden();

  await model.open("hold");
  await left;
  // Nobody is there at all: it waits as well.
  await expect(chat.getByText("Waiting to be sent")).toBeVisible();
  await server.start();
  await expect(answers(chat)).toHaveCount(2);
  await expect(answers(chat).last()).toContainText(scriptedText(2));
  await expect(chat.getByText("Waiting to be sent")).toBeHidden();
  await expect(questions(chat)).toHaveCount(2);
  expect(ids.size).toBe(1);

  const stored = await api(server);
  const [conversation] = await stored.conversations();
  const complete = (role: string, content: string) => ({ role, content, status: "complete" });
  expect(await stored.messages(conversation?.conversation_id ?? "")).toEqual([
    complete("user", "First [[script: tokens=6 gate=hold@3]]"),
    complete("assistant", scriptedText(6)),
    complete("user", "Second [[script: tokens=2]]"),
    complete("assistant", scriptedText(2)),
  ]);
  await chat.reload();
  await expect(questions(chat)).toHaveCount(2);
});
