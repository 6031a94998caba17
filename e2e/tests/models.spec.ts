import type { Page } from "@playwright/test";
import { answers, test as base, expect, expectAnswer, reconnecting, send } from "../support/journey.ts";
import { Model, scriptedText } from "../support/model.ts";
import { Proxy } from "../support/proxy.ts";

/** A second endpoint beside the default one, and the cable to it. */
const test = base.extend<{ second: { model: Model; cable: Proxy } }>({
  second: async ({}, use) => {
    const [model, cable] = [await Model.start(), await Proxy.start()];
    cable.target = Number(new URL(model.baseUrl).port);
    await use({ model, cable });
    await cable.stop();
    await model.stop();
  },
  config: async ({ second }, use) => {
    await use(`[[providers]]\nname = "second"\nadapter = "openai"\nbase_url = "${second.cable.url}/v1"\n`);
  },
});

const choice = (page: Page, provider: string) =>
  page.getByRole("menuitemradio", { name: new RegExp(provider) });
const missing = (page: Page) => page.getByText("The model “second/scripted” is not available now");

test("a conversation keeps its model while that is away, and changes it only on its user's word", async ({
  chat,
  server,
  model,
  second,
}) => {
  const restart = async () => {
    await server.kill();
    await expect(reconnecting(chat)).toBeVisible();
    await server.start();
    await expect(reconnecting(chat)).toBeHidden();
  };
  await chat.getByRole("button", { name: /^Model:/ }).click();
  await choice(chat, "second").click();
  // What is restarted in the middle of an answer asks again.
  const ended = () => expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
  await send(chat, "One [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  await ended();
  expect(await second.model.asked()).toHaveLength(1);

  second.cable.cut();
  await restart();
  await expect(missing(chat)).toBeVisible();
  await expect(chat.getByRole("button", { name: "Model: second/scripted" })).toBeVisible();

  // It comes back: the page learns of it with the server.
  second.cable.restore();
  await restart();
  await expect(missing(chat)).toBeHidden();
  await send(chat, "Two [[script: tokens=2]]");
  await expect(answers(chat).nth(1)).toContainText(scriptedText(2));
  await ended();
  expect(await second.model.asked()).toHaveLength(2);
  expect(await model.asked()).toEqual([]);

  second.cable.cut();
  await restart();
  await chat.getByRole("button", { name: "Choose another model" }).click();
  await expect(choice(chat, "Not available now")).toHaveAttribute("aria-checked", "true");
  await expect(chat.getByText("second did not list its models")).toBeVisible();
  await choice(chat, "openai").click();
  await expect(missing(chat)).toBeHidden();
  await chat.reload();
  await expect(chat.getByRole("button", { name: "Model: scripted" })).toBeVisible();
  await send(chat, "Three [[script: tokens=4]]");
  await expect.poll(async () => (await model.asked()).length).toBe(1);
});
