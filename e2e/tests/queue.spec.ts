import type { Page } from "@playwright/test";
import {
  answers,
  api,
  expect,
  message,
  questions,
  reconnecting,
  secondTab,
  send,
  test,
} from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

const queued = (page: Page) => page.getByRole("article", { name: "Queued message" });

/** Queues by the button, as `send` sends. */
async function queue(page: Page, text: string): Promise<void> {
  const before = await queued(page).count();
  await message(page).fill(text);
  await page.getByRole("button", { name: "Queue message" }).click();
  await expect(queued(page)).toHaveCount(before + 1);
}

test("messages wait their turn, are changed and removed, and outlive the server", async ({
  chat,
  context,
  server,
  model,
}) => {
  await send(chat, "First [[script: tokens=8 gate=hold@3]]");
  await model.reached("hold");
  await expect(answers(chat)).toContainText(scriptedText(3));

  await queue(chat, "Second [[script: tokens=2]]");
  await message(chat).fill("Third [[script: tokens=3]]");
  await message(chat).press("Enter");
  await expect(queued(chat)).toHaveCount(2);
  await queue(chat, "Never");
  await expect(queued(chat).first()).toContainText("Queued");
  // What waits stands below what is being written.
  const positions = await chat
    .getByRole("article")
    .evaluateAll((all) => all.map((each) => each.querySelector("h2")?.textContent?.trim()));
  expect(positions).toEqual([
    "You said",
    "Assistant said",
    "Queued message",
    "Queued message",
    "Queued message",
  ]);

  const other = await secondTab(context);
  await other.goto(chat.url());
  await expect(queued(other)).toHaveCount(3);

  // Changed with the keyboard in one tab, removed in the other; both see both.
  await queued(chat).nth(1).getByRole("button", { name: "Edit queued message" }).focus();
  await chat.keyboard.press("Enter");
  await chat.getByRole("textbox", { name: "Queued text" }).fill("Third, changed [[script: tokens=4]]");
  await chat.keyboard.press("Enter");
  await expect(queued(other).nth(1)).toContainText("Third, changed");
  await queued(other).nth(2).getByRole("button", { name: "Remove from the queue" }).click();
  await expect(queued(other)).toHaveCount(2);
  await expect(queued(chat)).toHaveCount(2);
  await expect(message(other)).toBeFocused();

  await chat.reload();
  await expect(queued(chat)).toHaveCount(2);
  await expect(answers(chat)).toContainText(scriptedText(3));

  await server.kill();
  await expect(reconnecting(chat)).toBeVisible();
  await server.start();
  await model.reached("hold", 2);
  await expect(queued(chat)).toHaveCount(2);
  await model.open("hold");

  for (const page of [chat, other]) {
    await expect(answers(page)).toHaveCount(3);
    await expect(answers(page).last()).toContainText(scriptedText(4));
    await expect(questions(page)).toHaveCount(3);
    await expect(queued(page)).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Stop" })).toBeHidden();
  }
  const stored = await api(server);
  const [conversation] = await stored.conversations();
  const complete = (role: string, content: string) => ({ role, content, status: "complete" });
  expect(await stored.messages(conversation?.conversation_id ?? "")).toEqual([
    complete("user", "First [[script: tokens=8 gate=hold@3]]"),
    complete("assistant", scriptedText(8)),
    complete("user", "Second [[script: tokens=2]]"),
    complete("assistant", scriptedText(2)),
    complete("user", "Third, changed [[script: tokens=4]]"),
    complete("assistant", scriptedText(4)),
  ]);
});

test("Interrupt and send ends the answer, keeps its words, and leaves the model", async ({
  chat,
  model,
}) => {
  await send(chat, "Long [[script: tokens=30 gate=hold@7]]");
  await model.reached("hold");
  await expect(answers(chat)).toContainText(scriptedText(7));
  await message(chat).fill("No, this [[script: tokens=2]]");
  await chat.getByRole("button", { name: "Interrupt and send" }).click();
  await expect(answers(chat)).toHaveCount(2);
  await expect(answers(chat).first()).toContainText("Interrupted. What was written is kept.");
  await expect(answers(chat).last()).toContainText(scriptedText(2));
  await expect.poll(async () => (await model.asked())[0]?.ended).toBe("dropped");
  await model.open("hold");

  // The same with the keyboard.
  await send(chat, "Again [[script: tokens=30 gate=held@5]]");
  await model.reached("held");
  await expect(answers(chat).nth(2)).toContainText(scriptedText(5));
  await message(chat).fill("Stop that [[script: tokens=1]]");
  await message(chat).press("Control+Enter");
  await expect(answers(chat)).toHaveCount(4);
  await expect(answers(chat).nth(2)).toContainText("Interrupted");
  await expect(answers(chat).last()).toContainText(scriptedText(1));
});

test("Stop goes on with what waits; Escape leaves only the field", async ({ chat, model }) => {
  await send(chat, "Long [[script: tokens=30 gate=hold@5]]");
  await model.reached("hold");
  await queue(chat, "Next [[script: tokens=2]]");
  // The last message, by the key for it.
  await message(chat).press("ArrowUp");
  await expect(chat.getByRole("textbox", { name: "Queued text" })).toHaveValue("Next [[script: tokens=2]]");
  await chat.keyboard.press("Escape");
  await queued(chat).getByRole("button", { name: "Edit queued message" }).click();
  await chat.keyboard.press("Escape");
  await expect(chat.getByRole("button", { name: "Edit queued message" })).toBeFocused();
  await expect(chat.getByRole("button", { name: "Stop" })).toBeVisible();
  await chat.getByRole("button", { name: "Stop" }).click();
  await expect(answers(chat)).toHaveCount(2);
  await expect(answers(chat).first()).toContainText("Stopped. What was written is kept.");
  await expect(answers(chat).last()).toContainText(scriptedText(2));
  await expect(queued(chat)).toHaveCount(0);
});
