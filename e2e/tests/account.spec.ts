import { expect, message, register, signIn, test } from "../support/journey.ts";

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

test("nothing loads from another host", async ({ page, server }) => {
  await register(server);
  const hosts = new Set<string>();
  page.on("request", (request) => hosts.add(new URL(request.url()).host));
  await page.goto("/");
  await signIn(page);
  await expect(message(page)).toBeVisible();
  expect([...hosts]).toEqual([new URL(page.url()).host]);
});
