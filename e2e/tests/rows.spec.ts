import type { Page } from "@playwright/test";
import { answers, expect, message, send, test } from "../support/journey.ts";
import { expectRowsTight } from "../support/rows.ts";

const LINE = "seventy characters on each line make the guess too high by three lines";
const THREE_LINES = `${LINE}  \\n`.repeat(3);

interface Frame {
  from: "page" | "server";
  type: string;
  data: { role?: string; content?: string };
}

/** What goes over the sockets that the page opens from now on. */
function listen(page: Page): Frame[] {
  const frames: Frame[] = [];
  const note = (from: Frame["from"], payload: string | Buffer) =>
    frames.push({ from, ...(JSON.parse(String(payload)) as Omit<Frame, "from">) });
  page.on("websocket", (socket) => {
    socket.on("framesent", ({ payload }) => note("page", payload));
    socket.on("framereceived", ({ payload }) => note("server", payload));
  });
  return frames;
}

/** How much text the server told when the page last asked for the message that is being written. */
function told(frames: Frame[]): number {
  const asked = frames.findLastIndex(({ from, type }) => from === "page" && type === "watch");
  const answer = frames.findLast(
    ({ from, type, data }, at) =>
      at > asked && from === "server" && type === "message" && data.role === "assistant",
  );
  return asked < 0 ? -1 : (answer?.data.content?.length ?? -1);
}

const nextFrame = (page: Page) =>
  page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");

test("a row that is as high as was guessed stays so when the guess changes", async ({
  chat,
  model,
}) => {
  const frames = listen(chat);
  await chat.reload();
  const script = `text="${THREE_LINES}The last." piece=${3 * (LINE.length + 3)}`;
  await send(chat, `Go [[script: ${script} gate=start@0 gate=hold@1]]`);
  await chat.waitForURL(/\/c\//);
  await model.reached("start");
  await expect.poll(() => told(frames)).toBe(0);
  await model.open("start");
  await model.reached("hold");
  await expect(answers(chat)).toContainText(LINE);
  await expectRowsTight(chat);

  // Whoever comes back is shown all of the text at once, and is then told that it is the message's.
  await chat.getByRole("button", { name: "New conversation" }).click();
  await expect(answers(chat)).toHaveCount(0);
  await chat.goBack();
  await expect(answers(chat)).toContainText(LINE);
  await expect.poll(() => told(frames)).toBeGreaterThan(3 * LINE.length);
  await nextFrame(chat);
  await expectRowsTight(chat);

  await model.open("hold");
  await expect(answers(chat)).toContainText("The last.");
  await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
  await expectRowsTight(chat);
});

test("rows stand close through a whole turn, with a tool and a queue", async ({ chat, model }) => {
  const turn = 'before=40 tool=current_time tokens=40 gate=hold@20';
  await send(chat, `Go [[script: ${turn}]]`);
  await model.reached("hold");
  await expect(answers(chat).last()).toContainText("tok19");
  await expectRowsTight(chat);

  for (const text of ["Next [[script: tokens=5]]", "Last [[script: tokens=60]]"]) {
    await message(chat).fill(text);
    await chat.getByRole("button", { name: "Queue message" }).click();
  }
  await expect(chat.getByRole("article", { name: "Queued message" })).toHaveCount(2);
  await expectRowsTight(chat);

  await model.open("hold");
  await expect(answers(chat)).toHaveCount(4);
  await expect(answers(chat).last()).toContainText("tok59");
  await expect(chat.getByRole("button", { name: "Stop" })).toBeHidden();
  await expectRowsTight(chat);
});
