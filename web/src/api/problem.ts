import type { Problem } from "./types";
import { sawRefusal } from "./writable";

/** A refusal by the server (its problem document), or status 0 when it could not be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly fields: { pointer: string; message: string }[];
  /** Seconds after which the server wants to be asked again; 0 where it did not say. */
  readonly retryAfter: number;

  constructor(problem: Pick<Problem, "status" | "code" | "detail"> & Partial<Problem>, retryAfter = 0) {
    super(problem.detail);
    this.name = "ApiError";
    this.status = problem.status;
    this.code = problem.code;
    this.fields = problem.errors ?? [];
    this.retryAfter = retryAfter;
  }

  /** The message for the field whose JSON pointer ends in `/name`. */
  field(name: string): string | undefined {
    return this.fields.find((field) => field.pointer.replace(/^#/, "") === `/${name}`)?.message;
  }
}

export const unreachable = () =>
  new ApiError({
    status: 0,
    code: "unreachable",
    detail: "The server can't be reached. Check the connection and try again.",
  });

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "detail" in value && "status" in value;
}

/** What to tell the user about any failure. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : "Something did not work. Try again.";
}

/** The data of an openapi-fetch answer, or the server's problem as an ApiError. */
export async function unwrap<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await call.catch((cause: unknown) => {
    throw cause instanceof ApiError ? cause : unreachable();
  });
  if (response.ok) return data as T;
  const retryAfter = Number(response.headers.get("retry-after")) || 0;
  if (isProblem(error)) {
    sawRefusal(error.code);
    throw new ApiError(error, retryAfter);
  }
  const { status } = response;
  const detail = `The server answered with status ${status}.`;
  throw new ApiError({ status, code: "unexpected", detail }, retryAfter);
}
