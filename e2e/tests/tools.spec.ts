import type { Page } from "@playwright/test";
import { expectAccessible, expectNoSidewaysScroll } from "../support/accessible.ts";
import { answers, expect, secondTab, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";
import { orderTool } from "../support/witness.ts";

test.use({ contextOptions: { reducedMotion: "reduce" } });

const ORDER = 'Order [[script: tool=order args={"sku":"A-1","note":"blue"} tokens=4]]';

const unknown = (page: Page) => page.getByRole("region", { name: "Outcome unknown: order" });
const approval = (page: Page) => page.getByRole("region", { name: "Approval: order" });
const tools = (page: Page) => page.getByRole("region", { name: "Tool: order" });
const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });

test.describe("a service that goes without a word after it acted", () => {
  test.use({
    config: async ({ witness }, use) => {
      await use(orderTool(witness, "allow"));
    },
  });

  test("is believed to have acted once its user says so, on every device", async ({
    chat,
    context,
    witness,
    model,
  }) => {
    witness.behaviour = "die";
    await send(chat, ORDER);
    await expect(answers(chat)).toContainText(scriptedText(4));
    await expect(unknown(chat)).toContainText("Nobody knows whether this happened");
    await expect(unknown(chat)).toContainText(`POST ${witness.url}/orders/A-1`);
    await expect(unknown(chat)).toContainText("blue");
    await expectAccessible(chat);

    const other = await secondTab(context);
    await other.goto(chat.url());
    await expect(unknown(other)).toBeVisible();
    await button(other, "It happened").focus();
    await other.keyboard.press("Enter");
    for (const page of [other, chat]) {
      await expect(unknown(page)).toBeHidden();
      await expect(tools(page)).toContainText("Used order, as you said");
    }
    await expect(other.getByText("Noted: it happened")).toBeAttached();
    await chat.reload();
    await expect(tools(chat)).toContainText("Used order, as you said");
    await send(chat, "And now? [[script: tokens=2]]");
    // Its place is there before the model is asked.
    await expect(answers(chat).nth(1)).toContainText(scriptedText(2));
    const told = (await model.asked()).at(-1)?.body.messages ?? [];
    expect(JSON.stringify(told)).toContain("this call has happened");
    expect(witness.entries).toHaveLength(1);
  });

  test("is asked exactly once more after a restart, by who wants that", async ({
    chat,
    server,
    witness,
  }) => {
    witness.behaviour = "die";
    await send(chat, ORDER);
    await expect(unknown(chat)).toBeVisible();
    await expect(button(chat, "Try again")).toBeEnabled();
    await server.kill();
    await server.start();
    witness.behaviour = "answer";
    await button(chat, "Try again").click();
    await expect(unknown(chat)).toBeHidden();
    await expect(tools(chat).first()).toContainText("outcome unknown, made once more");
    await expect(tools(chat).last()).toContainText("Used order");
    await expect(answers(chat)).toHaveCount(2);
    await expect(answers(chat).last()).toContainText(scriptedText(4));
    const call = { method: "POST", path: "/orders/A-1", body: { sku: "A-1", note: "blue" } };
    expect(witness.entries).toEqual([call, call]);
    await expectAccessible(chat);
  });

  test.describe("390 px, dark", () => {
    test.use({
      viewport: { width: 390, height: 844 },
      hasTouch: true,
      isMobile: true,
      colorScheme: "dark",
    });

    test("its card fits", async ({ chat, witness }) => {
      witness.behaviour = "die";
      await send(chat, ORDER);
      await expect(unknown(chat)).toBeVisible();
      await expectNoSidewaysScroll(chat);
      await expectAccessible(chat);
      await button(chat, "It did not").click();
      await expect(tools(chat)).toContainText("did not happen, as you said");
      expect(witness.entries).toHaveLength(1);
    });
  });
});

test.describe("a tool that asks", () => {
  test.use({
    config: async ({ witness }, use) => {
      await use(orderTool(witness, "ask"));
    },
  });

  test("is allowed for a conversation, and asks again when that is taken back", async ({
    chat,
    context,
    witness,
  }) => {
    await send(chat, ORDER);
    await expect(approval(chat)).toContainText(`Goes to POST ${witness.url}/orders/A-1`);
    await expectAccessible(chat);
    await button(chat, "Allow always in this conversation").click();
    await expect(answers(chat)).toHaveCount(1);
    await expect(tools(chat)).toContainText("Used order");

    await send(chat, ORDER);
    // Its place is there before the call is made.
    await expect(answers(chat).nth(1)).toContainText(scriptedText(4));
    await expect(answers(chat)).toHaveCount(2);
    expect(witness.entries).toHaveLength(2);
    await tools(chat).last().getByRole("button").first().click();
    await expect(tools(chat).last()).toContainText("you allow this tool always in this conversation");

    const other = await secondTab(context);
    await other.goto(chat.url());
    await expect(button(other, "Tools allowed in this conversation")).toBeVisible();
    await button(chat, "Tools allowed in this conversation").click();
    const dialog = chat.getByRole("dialog", { name: "Allowed in this conversation" });
    await expectAccessible(chat);
    await dialog.getByRole("button", { name: "Ask again for order" }).click();
    await expect(dialog).toContainText("every call that needs your word asks for it");
    await dialog.getByRole("button", { name: "Close" }).click();
    for (const page of [chat, other]) {
      await expect(button(page, "Tools allowed in this conversation")).toBeHidden();
    }

    await send(chat, ORDER);
    await expect(approval(chat)).toBeVisible();
    expect(witness.entries).toHaveLength(2);
  });
});
