import { existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { answers, api, expect, message, register, send, signIn, test } from "../support/journey.ts";
import { Server } from "../support/server.ts";

const models = process.env.REJOINDER_TEST_MODELS ?? "";
const files = existsSync(models) ? readdirSync(models) : [];

test("the model in the box answers without a key or a second server", async ({ page }) => {
  test.skip(!files.some((name) => name.endsWith(".gguf")), "make model has not fetched it: REJOINDER_TEST_MODELS");
  test.setTimeout(180_000);
  const server = new Server();
  mkdirSync(join(server.dataDir, "models"));
  for (const name of files) symlinkSync(join(models, name), join(server.dataDir, "models", name));
  try {
    await server.start();
    await register(server);
    await page.goto(server.url);
    await signIn(page);
    await expect(message(page)).toBeVisible();
    await send(page, "What is the capital of France?");
    await expect(answers(page)).toHaveCount(1);
    await expect(page.getByRole("button", { name: "Stop" })).toBeHidden({ timeout: 150_000 });
    // What a small model says is its own affair; that it says something is ours.
    const stored = await api(server);
    const [conversation] = await stored.conversations();
    const [, answer] = await stored.messages(conversation?.conversation_id ?? "");
    expect(answer?.status).toBe("complete");
    expect(answer?.content).toMatch(/\p{L}{2,}/u);
    // The page says who answered.
    await expect(page.getByText(/built-in model/i).first()).toBeVisible();
  } finally {
    await server.dispose();
  }
});
