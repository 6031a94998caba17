import { uuid } from "@/util/uuid";
import { ApiError } from "./problem";

/** The keys of what the user wants and what no answer has come to yet. */
const open = new Map<string, string>();

/** Nobody knows whether it was done: the answer was lost, or the server could not tell. */
const isUnknown = (error: unknown) =>
  !(error instanceof ApiError) || error.status === 0 || error.status >= 500;

/**
 * Asks for something that must not happen twice. A click that repeats one without an answer carries
 * the same key, and the server then answers with what the first one began.
 */
export async function intended<T>(what: string, ask: (key: string) => Promise<T>): Promise<T> {
  const key = open.get(what) ?? uuid();
  open.set(what, key);
  let unknown = false;
  try {
    return await ask(key);
  } catch (error) {
    unknown = isUnknown(error);
    throw error;
  } finally {
    if (!unknown && open.get(what) === key) open.delete(what);
  }
}
