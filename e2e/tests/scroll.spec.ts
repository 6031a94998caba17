import { answers, api, expect, questions, test } from "../support/journey.ts";
import { conversation, expectAtEnd, expectSameView, restingView } from "../support/view.ts";

test.use({ config: "send_rate_per_minute = 100000\n" });

test("older messages come in above, and the end is followed by who wants to", async ({
  chat,
  model,
  server,
}) => {
  const said = await api(server);
  let id: string | null = null;
  for (let n = 1; n <= 60; n += 1) {
    // Of many heights, so that no guess of them is right.
    const words = `Answer ${n}. ${"Some words of it. ".repeat(1 + (n % 7) * 9)}`;
    id = await said.ask(`Question ${n}. [[script: text="${words}"]]`, id);
  }

  // What is older comes when the journey lets it.
  const asked: (() => void)[] = [];
  await chat.route(/\/messages\?.*before=/, async (route) => {
    await new Promise<void>((go) => asked.push(go));
    await route.continue();
  });
  await chat.goto(`/c/${id}`);
  const question = (n: number) => questions(chat).filter({ hasText: `Question ${n}.` });
  const latest = chat.getByRole("button", { name: "To the latest" });
  await expect(question(60)).toBeInViewport();
  await expectAtEnd(chat);
  await expect(latest).toBeHidden();
  expect(asked).toHaveLength(0);

  await conversation(chat).hover();
  const wheelUpUntil = (done: () => boolean | Promise<boolean>) =>
    expect
      .poll(async () => (await done()) || (await chat.mouse.wheel(0, -500)), { intervals: [50] })
      .toBe(true);
  const top = () => conversation(chat).evaluate((list) => list.scrollTop);
  const height = () => conversation(chat).evaluate((list) => list.scrollHeight);
  const comesIn = async (page: number) => {
    const before = await restingView(chat);
    const high = await height();
    asked[page]?.();
    await expect.poll(height).toBeGreaterThan(high + 1_000);
    await expectSameView(chat, before);
  };

  // Fetched before the upper end is reached.
  await wheelUpUntil(() => asked.length === 1);
  await expect(latest).toBeVisible();
  expect(await top()).toBeGreaterThan(0);
  await comesIn(0);

  // Whoever is faster than the server stands at the upper end until it has answered.
  await wheelUpUntil(async () => (await top()) === 0);
  expect(asked).toHaveLength(2);
  await comesIn(1);

  await wheelUpUntil(async () => (await top()) === 0);
  await expect(question(1)).toBeInViewport();
  expect(asked).toHaveLength(2);

  // An answer that begins meanwhile moves nothing.
  const script = "tokens=600 gate=one@150 gate=two@300 gate=three@450";
  const beginning = await restingView(chat);
  await said.say(`More, please. [[script: ${script}]]`, id);
  await model.reached("one");
  await expect(chat.getByRole("button", { name: "Stop" })).toBeVisible();
  await expectSameView(chat, beginning);
  await expect(latest).toBeVisible();

  await latest.click();
  await expect(answers(chat).last()).toContainText("tok149");
  await expectAtEnd(chat);
  await expect(latest).toBeHidden();
  await model.open("one");
  await expect(answers(chat).last()).toContainText("tok299");
  await expectAtEnd(chat);
  await expect(latest).toBeHidden();

  // One touch upwards, and it stays where it was put while the text grows.
  await conversation(chat).hover();
  await chat.mouse.wheel(0, -300);
  await expect(latest).toBeVisible();
  const put = await restingView(chat);
  await model.open("two");
  await expect(answers(chat).last()).toContainText("tok449");
  await expectSameView(chat, put);
  await expect(latest).toBeVisible();

  await latest.click();
  await expectAtEnd(chat);
  await model.open("three");
  await expect(answers(chat).last()).toContainText("tok599");
  await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
  await expectAtEnd(chat);
  await expect(latest).toBeHidden();
});

test("the sidebar brings more conversations when it is scrolled", async ({ chat, server }) => {
  const said = await api(server);
  for (let n = 1; n <= 40; n += 1) await said.ask(`Topic ${n} [[script: tokens=1]]`);
  await chat.reload();
  const links = chat.getByRole("navigation", { name: "Conversations" }).getByRole("link");
  await expect(links).toHaveCount(30);
  await expect(links.first()).toBeInViewport();
  await expect(links.last()).not.toBeInViewport();

  await links.first().hover();
  await expect.poll(async () => (await links.count()) > 30 || (await chat.mouse.wheel(0, 300))).toBe(true);
  await expect(links).toHaveCount(40);
  await expect(chat.getByRole("button", { name: "Show more" })).toBeHidden();
  const addresses = await links.evaluateAll((all) => all.map((link) => link.getAttribute("href")));
  expect(new Set(addresses).size).toBe(40);
});
