import createClient from "openapi-fetch";
import { unreachable } from "./problem";
import type { paths } from "./schema";
import { accessToken, refreshSession, tokenLife } from "./session";
import { sawVersion } from "./version";

/** Tokens this close to their end are renewed before use, in seconds. */
const RENEW_BEFORE = 20;

export const api = createClient<paths>({
  baseUrl: location.origin,
  fetch: authorizedFetch,
});

async function authorizedFetch(request: Request): Promise<Response> {
  const signedIn = accessToken() !== null;
  try {
    if (signedIn && tokenLife() < RENEW_BEFORE) await refreshSession();
    const retry = signedIn ? request.clone() : null;
    const response = await send(request);
    if (response.status !== 401 || retry === null) return response;
    // A wrong password answers 401 as well; renewing then costs one request and changes nothing.
    return (await refreshSession()) ? await send(retry) : response;
  } catch (cause) {
    if (request.signal.aborted) throw cause;
    throw unreachable();
  }
}

async function send(request: Request): Promise<Response> {
  const token = accessToken();
  if (token) request.headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(request);
  sawVersion(response.headers.get("x-rejoinder-version"));
  return response;
}
