import { HttpResponse, http } from "msw";
import { setupServer } from "msw/node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { chatApi } from "./chatApi";
import { ApiError } from "./problem";
import { restoreSession, signIn, signOut, useSession } from "./session";
import { at, tokens as loginTokens, user } from "./testData";

const tokens = (access_token: string, expires_in = 600) => ({
  ...loginTokens(),
  access_token,
  expires_in,
});

let refreshes = 0;
let refreshAnswer: () => Response;
let valid = "fresh";

const server = setupServer(
  http.post(at("/auth/refresh"), async ({ request }) => {
    refreshes += 1;
    expect(await request.json()).toEqual({});
    return refreshAnswer();
  }),
  http.get(at("/models"), ({ request }) =>
    request.headers.get("authorization") === `Bearer ${valid}`
      ? HttpResponse.json({ models: [], default: null })
      : HttpResponse.json(
          { status: 401, code: "unauthenticated", detail: "Sign in first." },
          { status: 401 },
        ),
  ),
);

beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterAll(() => server.close());
afterEach(() => server.resetHandlers());
beforeEach(() => {
  refreshes = 0;
  valid = "fresh";
  refreshAnswer = () => HttpResponse.json(tokens("fresh"));
  signOut();
});

it("restores the session from the cookie when the page loads", async () => {
  await restoreSession();
  expect(useSession.getState()).toMatchObject({ status: "signed-in", user: user() });
});

it("is signed out, without a word about expiry, when there is no session", async () => {
  refreshAnswer = () =>
    HttpResponse.json({ status: 401, code: "unauthenticated", detail: "" }, { status: 401 });
  await restoreSession();
  expect(useSession.getState()).toEqual({ status: "signed-out", user: null, expired: false });
});

it("does not take a server that is away for a session that has ended", async () => {
  refreshAnswer = () => HttpResponse.error();
  await restoreSession();
  expect(useSession.getState().status).toBe("unreachable");
  refreshAnswer = () => new HttpResponse(null, { status: 503 });
  await restoreSession();
  expect(useSession.getState().status).toBe("unreachable");
});

it("renews a refused token once for all requests and repeats them", async () => {
  signIn(tokens("stale"));
  await Promise.all([chatApi.models(), chatApi.models(), chatApi.models()]);
  expect(refreshes).toBe(1);
});

it("renews before a token ends", async () => {
  valid = "fresh";
  signIn(tokens("stale", 5));
  await chatApi.models();
  expect(refreshes).toBe(1);
});

it("shows the login page when renewing is refused, and says that the session ended", async () => {
  signIn(tokens("stale"));
  refreshAnswer = () =>
    HttpResponse.json({ status: 401, code: "unauthenticated", detail: "" }, { status: 401 });
  await expect(chatApi.models()).rejects.toMatchObject({ status: 401, message: "Sign in first." });
  expect(useSession.getState()).toEqual({ status: "signed-out", user: null, expired: true });
  await restoreSession();
  expect(useSession.getState().expired).toBe(true);
});

it("turns a network failure and a strange answer into errors that say what to do", async () => {
  signIn(tokens("fresh"));
  server.use(http.get(at("/models"), () => HttpResponse.error()));
  const failure = await chatApi.models().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ApiError);
  expect(failure).toMatchObject({ status: 0, message: expect.stringContaining("can't be reached") });
  server.use(http.get(at("/models"), () => new HttpResponse("<html>", { status: 502 })));
  await expect(chatApi.models()).rejects.toMatchObject({ status: 502 });
});
