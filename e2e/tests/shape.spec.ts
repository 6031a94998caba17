import { expectAccessible, expectNoSidewaysScroll } from "../support/accessible.ts";
import { expect, expectAnswer, message, register, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

// Half faded in, words have half their contrast, and a block may begin to fade in at any moment.
test.use({ contextOptions: { reducedMotion: "reduce" } });

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test("first start and sign-in are accessible", async ({ page, server }) => {
      await page.goto("/");
      await expect(page.getByRole("heading", { name: "Create the admin account" })).toBeVisible();
      await expectAccessible(page);
      await register(server);
      await page.reload();
      await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
      await expectAccessible(page);
    });

    test("the chat is accessible, empty, while writing and with an answer", async ({
      chat,
      model,
    }) => {
      await expectAccessible(chat);
      await send(chat, 'Show [[script: text="# Head\\n\\n`code` and [link](https://example.org)\\n\\n```js\\nlet a = 1;\\n```\\n" gate=hold@4]]');
      await model.reached("hold");
      await expectAccessible(chat);
      await model.open("hold");
      await expect(chat.getByRole("link", { name: "link" })).toBeVisible();
      await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
      await expectAccessible(chat);
    });
  });
}

test.describe("390 px", () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test("everything fits and works", async ({ chat }) => {
    await expectNoSidewaysScroll(chat);
    await send(chat, `Wide ${"w".repeat(300)} [[script: tokens=60]]`);
    await expectAnswer(chat, scriptedText(60));
    await expectNoSidewaysScroll(chat);
    const box = await message(chat).boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 999)).toBeLessThanOrEqual(390);
    await expectAccessible(chat);
  });

  test("the account's tabs are all there", async ({ chat }) => {
    await chat.getByRole("button", { name: "Open sidebar" }).click();
    await chat.getByRole("button", { name: /^Account:/ }).click();
    await chat.getByRole("menuitem", { name: "Account", exact: true }).click();
    const tabs = chat.getByRole("dialog", { name: "Account" }).getByRole("tab");
    await expect(tabs).toHaveCount(4);
    for (const tab of await tabs.all()) await expect(tab).toBeInViewport({ ratio: 1 });
    await expectNoSidewaysScroll(chat);
    await expectAccessible(chat);
  });
});
