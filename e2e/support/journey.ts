import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";
import { Api } from "./api.ts";
import { Model } from "./model.ts";
import { Proxy } from "./proxy.ts";
import { Server } from "./server.ts";
import { Witness } from "./witness.ts";

export const ADMIN = {
  name: "Ada Lovelace",
  email: "ada@example.org",
  password: "correct horse battery",
};

/** What a journey has of its own. `cable` stands between browser and server. */
interface Journey {
  model: Model;
  cable: Proxy;
  /** Stands behind the tools that a journey configures. */
  witness: Witness;
  /** The text of the server's `rejoinder.toml`. */
  config: string;
  server: Server;
  /** The page, with the admin's account made and signed in. */
  chat: Page;
}

// Playwright reads which fixtures a fixture needs from its pattern: hence the empty ones.
export const test = base.extend<Journey>({
  model: async ({}, use) => {
    const model = await Model.start();
    await use(model);
    await model.stop();
  },
  cable: async ({}, use) => {
    const cable = await Proxy.start();
    await use(cable);
    await cable.stop();
  },
  witness: async ({}, use) => {
    const witness = await Witness.start();
    await use(witness);
    await witness.stop();
  },
  config: "",
  server: async ({ model, cable, config }, use, info) => {
    const server = new Server({ model: model.baseUrl, publicUrl: cable.url, config });
    await server.start();
    cable.target = server.port;
    await use(server);
    if (info.status !== info.expectedStatus) {
      await info.attach("server.log", { body: server.log, contentType: "text/plain" });
    }
    await server.dispose();
  },
  // The server is named so that it stands before the browser asks.
  baseURL: async ({ cable, server: _server }, use) => {
    await use(cable.url);
  },
  chat: async ({ page, server }, use) => {
    await register(server);
    await page.goto("/");
    await signIn(page);
    await expect(message(page)).toBeVisible();
    await use(page);
  },
});

export { expect };

/** Makes the admin's account through the API. */
export async function register(server: Server): Promise<void> {
  const answer = await fetch(`${server.url}/api/v1/auth/register`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      full_name: ADMIN.name,
      email: ADMIN.email,
      password: ADMIN.password,
    }),
  });
  expect(answer.status, await answer.text()).toBe(201);
}

export async function signIn(
  page: Page,
  password = ADMIN.password,
  email = ADMIN.email,
): Promise<void> {
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await page.getByLabel("Email").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

export function api(server: Server): Promise<Api> {
  return Api.signIn(server.url, ADMIN.email, ADMIN.password);
}

export const message = (page: Page) => page.getByRole("textbox", { name: "Message" });
export const questions = (page: Page) => page.getByRole("article", { name: "You said" });
export const answers = (page: Page) => page.getByRole("article", { name: "Assistant said" });
export const reconnecting = (page: Page) =>
  page.getByRole("status").filter({ hasText: "Reconnecting…" });

export async function send(page: Page, text: string): Promise<void> {
  await message(page).fill(text);
  await page.getByRole("button", { name: "Send message" }).click();
}

/** The answer shows `text` once, from its first to its last token, and nothing beyond it. */
export async function expectAnswer(page: Page, text: string): Promise<void> {
  await expect(answers(page)).toHaveCount(1);
  await expect(answers(page)).toContainText(text);
  const shown = (await answers(page).innerText()).match(/tok\d+/g) ?? [];
  expect(shown.join(" ")).toBe(text);
}

/** Another page of the same browser: a second tab. */
export function secondTab(context: BrowserContext): Promise<Page> {
  return context.newPage();
}
