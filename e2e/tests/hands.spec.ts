import { expectAccessible } from "../support/accessible.ts";
import { answers, expect, expectAnswer, message, questions, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

test.use({ contextOptions: { reducedMotion: "reduce" } });

test("Ctrl+K goes to a conversation, ? shows the keys, ↑ takes the last message up again", async ({ chat }) => {
  await send(chat, "Lisbon [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  const first = chat.url();
  await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();

  await message(chat).press("Control+k");
  const palette = chat.getByRole("dialog", { name: "Go to" });
  await palette.getByRole("combobox").fill("new conv");
  await expectAccessible(chat);
  await chat.keyboard.press("Enter");
  await expect(palette).toBeHidden();
  await expect(questions(chat)).toHaveCount(0);
  await expect(chat).not.toHaveURL(first);

  await chat.keyboard.press("Control+k");
  await expect(palette.getByRole("option").last()).toContainText(/Conversation$/);
  await chat.keyboard.press("ArrowUp");
  await chat.keyboard.press("Enter");
  await expect(chat).toHaveURL(first);
  await expectAnswer(chat, scriptedText(3));

  await message(chat).focus();
  await message(chat).press("ArrowUp");
  await expect(message(chat)).toHaveValue("Lisbon [[script: tokens=3]]");
  await message(chat).press("Enter");
  await expect(answers(chat)).toHaveCount(2);

  await chat.getByRole("region", { name: "Messages" }).focus();
  await chat.keyboard.press("?");
  await expect(chat.getByRole("dialog", { name: "Keyboard shortcuts" })).toBeVisible();
  await expectAccessible(chat);
  await chat.keyboard.press("Escape");
  await expect(chat.getByRole("dialog")).toBeHidden();
});
