import type { Locator, Page } from "@playwright/test";
import { answers, api, expect, expectAnswer, message, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";
import { conversation } from "../support/view.ts";

const whole = (field: Locator) => field.locator("xpath=ancestor::form");

/** Where the input and the list above it stand, to the pixel. */
async function places(page: Page) {
  return {
    list: await conversation(page).boundingBox(),
    field: await message(page).boundingBox(),
    input: await whole(message(page)).boundingBox(),
  };
}

/** Long enough for several lines on every screen, so that a change of width would show as well. */
const LONG = "A thought that takes a while to write down and wraps more than once. ".repeat(4);

const SCREENS = {
  "1280 px": { viewport: { width: 1280, height: 800 } },
  "390 px": { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};

for (const [name, screen] of Object.entries(SCREENS)) {
  test.describe(name, () => {
    test.use(screen);

    for (const [what, draft] of [
      ["nothing", ""],
      ["a line", "A thought"],
      ["a paragraph", LONG],
    ] as const) {
      test(`the input stays where it is while others ask and answers end, with ${what} in it`, async ({
        chat,
        model,
        server,
      }) => {
        await send(chat, "First [[script: tokens=3]]");
        await expectAnswer(chat, scriptedText(3));
        const stop = chat.getByRole("button", { name: "Stop" });
        await expect(stop).toBeHidden();
        await message(chat).fill(draft);
        const before = await places(chat);

        const said = await api(server);
        const id = chat.url().split("/c/")[1] ?? "";
        await said.say("Second [[script: tokens=8 gate=hold@3]]", id);
        await model.reached("hold");
        await expect(answers(chat)).toHaveCount(2);
        await expect(stop).toBeVisible();
        const interrupt = chat.getByRole("button", { name: "Interrupt and send" });
        await expect(interrupt).toHaveCount(draft ? 1 : 0);
        expect(await places(chat)).toEqual(before);

        await model.open("hold");
        await expect(answers(chat).last()).toContainText(scriptedText(8));
        await expect(stop).toBeHidden();
        await expect(interrupt).toBeHidden();
        expect(await places(chat)).toEqual(before);
      });
    }
  });
}
