import { answers, expect, message, questions, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

test.use({ config: "[limits]\nrun_steps = 2\n" });

test("an answer that met a limit says which, and goes on by a click", async ({ chat }) => {
  await send(chat, "Look [[script: tool=current_time tokens=3]]");
  await expect(answers(chat).last()).toContainText("One answer may take only so many steps");
  await message(chat).fill("A thought for later");
  await chat.getByRole("button", { name: "Go on", exact: true }).click();
  await expect(questions(chat)).toHaveCount(2);
  await expect(questions(chat).last()).toContainText("Go on.");
  await expect(answers(chat).last()).toContainText(scriptedText(20));
  await expect(message(chat)).toHaveValue("A thought for later");
  await expect(chat.getByRole("button", { name: "Go on", exact: true })).toBeHidden();
});
