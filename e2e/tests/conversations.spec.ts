import { api, expect, expectAnswer, message, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

test("a deleted conversation is gone", async ({ chat, server }) => {
  await send(chat, "Secret [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  const stored = await api(server);
  const [conversation] = await stored.conversations();
  const id = conversation?.conversation_id ?? "";

  const list = chat.getByRole("navigation", { name: "Conversations" });
  await expect(list.getByRole("link")).toHaveCount(1);
  await list.getByRole("link").hover();
  await list.getByRole("button", { name: /^More for/ }).click();
  await chat.getByRole("menuitem", { name: "Delete conversation" }).click();
  await chat.getByRole("alertdialog").getByRole("button", { name: "Delete conversation" }).click();

  await expect(list.getByRole("link")).toHaveCount(0);
  await expect(message(chat)).toBeVisible();
  expect((await stored.get(`/chat/conversations/${id}`)).status).toBe(404);
  expect((await stored.get(`/chat/conversations/${id}/messages`)).status).toBe(404);
});
