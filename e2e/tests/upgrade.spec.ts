import { answers, expect, expectAnswer, reconnecting, send, test } from "../support/journey.ts";
import { scriptedText } from "../support/model.ts";

test("a page that is older than its server offers to reload, and not before", async ({
  chat,
  server,
}) => {
  const offer = chat.getByText("Reload: a new version is running");
  await send(chat, "Before [[script: tokens=3]]");
  await expectAnswer(chat, scriptedText(3));
  await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
  // The same server again: nothing to reload for.
  await server.kill();
  await expect(reconnecting(chat)).toBeVisible();
  await server.start();
  await expect(reconnecting(chat)).toBeHidden();
  await send(chat, "Between [[script: tokens=4]]");
  await expect(answers(chat).last()).toContainText(scriptedText(4));
  await expect(offer).toBeHidden();

  // The next one differs in the build alone; the release has the same number.
  await chat.route("**/api/v1/**", async (route) => {
    const response = await route.fetch();
    const version = `${response.headers()["x-rejoinder-version"]?.split("+")[0]}+another`;
    await route.fulfill({ response, headers: { ...response.headers(), "x-rejoinder-version": version } });
  });
  await chat.getByRole("button", { name: "Todos" }).click();
  await expect(offer).toBeVisible();
  await chat.unroute("**/api/v1/**");
  await chat.getByRole("button", { name: "Reload" }).click();
  await expect(offer).toBeHidden();
  await expect(answers(chat)).toHaveCount(2);
});
