import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, send, test } from "../support/journey.ts";

// Larger than nothing and smaller than any screen.
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="40"><rect width="80" height="40" fill="red"/></svg>';

test("a remote image is fetched on a click and not before", async ({ chat, server }) => {
  const asked: IncomingHttpHeaders[] = [];
  const host = createServer((request, response) => {
    asked.push(request.headers);
    if (request.url !== "/cat.svg") return response.writeHead(404).end();
    return response.writeHead(200, { "content-type": "image/svg+xml" }).end(SVG);
  });
  host.listen(0, "127.0.0.1");
  await once(host, "listening");
  const base = `http://127.0.0.1:${(host.address() as AddressInfo).port}`;
  try {
    await send(chat, `Show [[script: text="[![A cat](${base}/cat.svg)](${base}/link)\\n\\n![A dog](${base}/dog.svg)\\n"]]`);
    const cat = chat.getByRole("button", { name: /Load image: A cat/ });
    await expect(cat).toContainText(`${base}/cat.svg`);
    await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
    expect(asked).toEqual([]);

    await cat.click();
    const image = chat.frameLocator('iframe[title="A cat"]').getByRole("img", { name: "A cat" });
    await expect(image).toBeVisible();
    const box = await image.boundingBox();
    expect([box?.width, box?.height]).toEqual([80, 40]);
    expect(asked).toHaveLength(1);
    // The link around it was not followed.
    expect(chat.context().pages()).toHaveLength(1);
    expect(asked[0]?.referer).toBeUndefined();

    await chat.getByRole("button", { name: /Load image: A dog/ }).click();
    await expect(chat.getByRole("alert").filter({ hasText: "could not be loaded" })).toBeVisible();
    await expect(chat.getByText(`${base}/dog.svg`, { exact: true })).toBeVisible();
  } finally {
    host.closeAllConnections();
    host.close();
  }
  // Nothing of it went through the server.
  expect(server.log).not.toContain("cat.svg");
});
