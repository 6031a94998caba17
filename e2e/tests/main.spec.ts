import {
  ADMIN,
  answers,
  api,
  expect,
  expectAnswer,
  message,
  questions,
  send,
  test,
} from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

test("first start: create the account, ask, reload mid-answer, the same text goes on", async ({
  page,
  server,
  model,
}) => {
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Create the admin account" })).toBeVisible();
  await page.getByLabel("Full name").fill(ADMIN.name);
  await page.getByLabel("Email").fill(ADMIN.email);
  await page.getByLabel("Password", { exact: true }).fill(ADMIN.password);
  await page.getByRole("button", { name: "Create account" }).click();

  await send(page, "Hello [[script: tokens=30 gate=half@15]]");
  await expect(questions(page)).toContainText("Hello");
  await model.reached("half");
  await expectAnswer(page, scriptedText(15));

  await page.reload();
  await expectAnswer(page, scriptedText(15));
  await model.open("half");
  await expectAnswer(page, scriptedText(30));
  await expect(page.getByRole("button", { name: "Stop" })).toBeHidden();
  await expect(questions(page)).toHaveCount(1);

  // The reload asked nobody anything again.
  expect((await model.asked()).map((asked) => asked.ended)).toEqual(["complete"]);
  const stored = await api(server);
  const [conversation] = await stored.conversations();
  expect(await stored.messages(conversation?.conversation_id ?? "")).toEqual([
    { role: "user", content: "Hello [[script: tokens=30 gate=half@15]]", status: "complete" },
    { role: "assistant", content: scriptedText(30), status: "complete" },
  ]);
});

test("Enter sends, Shift+Enter breaks the line", async ({ chat, server }) => {
  await message(chat).click();
  await chat.keyboard.type("first");
  await chat.keyboard.press("Shift+Enter");
  await chat.keyboard.type("second");
  await chat.keyboard.press("Enter");
  await expectAnswer(chat, scriptedText(20));
  const stored = await api(server);
  const [conversation] = await stored.conversations();
  const [question] = await stored.messages(conversation?.conversation_id ?? "");
  expect(question?.content).toBe("first\nsecond");
});

test("a conversation has a URL, and Back works", async ({ chat }) => {
  await send(chat, "One [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  const first = chat.url();
  await chat.getByRole("button", { name: "New conversation" }).click();
  await expect(questions(chat)).toHaveCount(0);
  await send(chat, "Two [[script: tokens=4]]");
  await expectAnswer(chat, scriptedText(4));
  await expect(chat).not.toHaveURL(first);
  await chat.goto(first);
  await expectAnswer(chat, scriptedText(3));
  await chat.goBack();
  await expectAnswer(chat, scriptedText(4));
});

test("Back and Forward go between conversations inside the page", async ({ chat }) => {
  await send(chat, "One [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  const first = chat.url();
  await chat.getByRole("button", { name: "New conversation" }).click();
  await expect(questions(chat)).toHaveCount(0);
  await send(chat, "Two [[script: tokens=4]]");
  await expectAnswer(chat, scriptedText(4));
  const second = chat.url();
  // A page that is loaded again knows nothing of this.
  await chat.evaluate("window.stillTheSamePage = true");

  const links = chat.getByRole("navigation", { name: "Conversations" }).getByRole("link");
  await expect(links).toHaveCount(2);
  await links.last().click();
  await expect(chat).toHaveURL(first);
  await expectAnswer(chat, scriptedText(3));
  for (const [step, url, tokens] of [
    ["goBack", second, 4],
    ["goBack", new URL("/", first).href, 0],
    ["goBack", first, 3],
    ["goForward", new URL("/", first).href, 0],
    ["goForward", second, 4],
    ["goForward", first, 3],
  ] as const) {
    await chat[step]();
    await expect(chat).toHaveURL(url);
    if (tokens) await expectAnswer(chat, scriptedText(tokens));
    else await expect(questions(chat)).toHaveCount(0);
  }
  await expect(links.last()).toHaveAttribute("aria-current", "page");
  expect(await chat.evaluate("window.stillTheSamePage")).toBe(true);
});

test("a failing model leaves its words and offers Retry", async ({ chat }) => {
  await send(chat, "Break [[script: tokens=9 fault=error@4 times=1]]");
  await expectAnswer(chat, scriptedText(4));
  await chat.getByRole("button", { name: "Retry" }).click();
  await expect(answers(chat).last()).toContainText(scriptedText(9));
});

test("the first message stays on screen while its conversation opens", async ({ chat }) => {
  await chat.evaluate(`
    window.shown = [];
    (function look() {
      window.shown.push(document.querySelectorAll("main article").length);
      requestAnimationFrame(look);
    })();
  `);
  await send(chat, "Hello [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  const shown = (await chat.evaluate("window.shown")) as number[];
  expect(shown.slice(shown.findIndex((count) => count > 0))).not.toContain(0);
});
