import {
  answers,
  api,
  expect,
  expectAnswer,
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
