import { api, expect, message, register, secondTab, send, signIn, test } from "../support/journey.ts";

test("a wrong password is refused, the right one lets in", async ({ page, server }) => {
  await register(server);
  await page.goto("/");
  await signIn(page, "wrong horse battery");
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
  await signIn(page);
  await expect(message(page)).toBeVisible();
  // The login outlives the page.
  await page.reload();
  await expect(message(page)).toBeVisible();
});

test("a tab that another account took over says so, and keeps what was being written", async ({
  chat,
  context,
  server,
}) => {
  const grace = { full_name: "Grace Hopper", email: "grace@example.org", password: "battery horse correct" };
  await (await api(server)).addUser(grace);
  const words = chat.getByRole("status").filter({ hasText: "You were signed in as Grace Hopper in another tab." });
  await message(chat).fill("Half a thought");
  await expect(words).toBeHidden();

  // In the other tab the session is gone; this one has not heard of it.
  await context.clearCookies();
  const other = await secondTab(context);
  await other.goto("/");
  await signIn(other, grace.password, grace.email);
  await expect(other.getByRole("button", { name: "Account: Grace Hopper" })).toBeVisible();

  await expect(chat.getByRole("button", { name: "Account: Grace Hopper" })).toBeVisible();
  await expect(words).toContainText("What had not been sent is kept with the other account.");
  await expect(message(chat)).toHaveValue("");
  await expect(other.getByText("You were signed in as")).toBeHidden();
  await words.getByRole("button", { name: "Dismiss" }).click();
  await chat.reload();
  await expect(message(chat)).toBeVisible();
  await expect(words).toBeHidden();

  // The account before finds its words; the tab that Grace had is told in its turn, with nothing kept
  // of who signed out.
  await chat.getByRole("button", { name: "Account: Grace Hopper" }).click();
  await chat.getByRole("menuitem", { name: "Sign out" }).click();
  await signIn(chat);
  await expect(message(chat)).toHaveValue("Half a thought");
  const told = other.getByRole("status").filter({ hasText: "You were signed in as Ada Lovelace in another tab." });
  await expect(told).toBeVisible();
  await expect(told).not.toContainText("is kept");
});

test("nothing loads from another host", async ({ page, server }) => {
  await register(server);
  const asked: string[] = [];
  const refused: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("websocket", (socket) => asked.push(socket.url()));
  // What the policy of the page forbids is not tried either.
  page.on("console", (line) => {
    if (line.text().includes("Content Security Policy")) refused.push(line.text());
  });
  await page.goto("/");
  await signIn(page);
  await expect(message(page)).toBeVisible();

  // An answer with everything that is fetched for its sake, and with what must not be.
  const text = [
    "# Code\\n\\n```js\\nlet a = 1;\\n```\\n\\n```python\\nprint(1)\\n```\\n\\n| a |\\n|---|\\n| b |\\n",
    "\\n![a cat](https://images.example/cat.png) [a link](https://links.example)",
    ' <img src=\\"https://tags.example/dog.png\\">\\n',
  ].join("");
  await send(page, `Show [[script: text="${text}"]]`);
  await expect(page.locator("pre .token").first()).toBeVisible();
  await expect(page.getByRole("table")).toBeVisible();
  await expect(page.getByRole("button", { name: /Load image: a cat/ })).toBeVisible();
  await expect(page.getByRole("button", { name: "Stop" })).toBeHidden();

  const dialog = (name: string) => page.getByRole("dialog", { name, exact: true });
  const close = async (name: string) => {
    await page.keyboard.press("Escape");
    await expect(dialog(name)).toBeHidden();
  };
  const account = () => page.getByRole("button", { name: /^Account:/ }).click();
  await account();
  await page.getByRole("menuitem", { name: "Account", exact: true }).click();
  for (const name of ["Profile", "Password", "Sessions", "Delete account"]) {
    await dialog("Account").getByRole("tab", { name, exact: true }).click();
    await expect(page.getByRole("tabpanel", { name, exact: true })).toBeVisible();
  }
  await close("Account");
  await account();
  await page.getByRole("menuitem", { name: "Manage users" }).click();
  await dialog("Users").getByRole("button", { name: "Add a user" }).click();
  await expect(dialog("Add a user")).toBeVisible();
  await close("Add a user");
  await page.keyboard.press("Control+k");
  await expect(dialog("Go to").getByRole("option").first()).toBeVisible();
  await close("Go to");
  await page.getByRole("region", { name: "Messages" }).focus();
  await page.keyboard.press("?");
  await expect(dialog("Keyboard shortcuts")).toBeVisible();
  await close("Keyboard shortcuts");
  await page.getByRole("button", { name: /^Model:/ }).click();
  await expect(page.getByRole("menuitemradio").first()).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Delete conversation", exact: true }).click();
  await expect(page.getByRole("alertdialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Todos" }).click();
  await expect(page.getByRole("textbox", { name: "New todo" })).toBeVisible();
  await account();
  await page.getByRole("menuitemradio", { name: "Dark" }).click();

  expect(asked.some((url) => url.startsWith("ws:"))).toBe(true);
  expect(asked.some((url) => url.includes("highlight.worker"))).toBe(true);
  expect([...new Set(asked.map((url) => new URL(url).host))]).toEqual([new URL(page.url()).host]);
  expect(refused).toEqual([]);
});
