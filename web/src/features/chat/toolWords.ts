import type { CallDecision, ToolState } from "@/api/types";

interface Words {
  /** As an order: “add a todo”. */
  order: string;
  /** As something going on: “Adding a todo”. */
  doing: string;
  /** As something done: “Added a todo”. */
  done: string;
  /** What the call is about, from its arguments and, when there is one, its result. */
  subject?: (args: Fields, result: Fields) => unknown;
}

type Fields = Record<string, unknown>;

const TOOLS: Record<string, Words | ((args: Fields) => Words)> = {
  todo_add: {
    order: "add a todo",
    doing: "Adding a todo",
    done: "Added a todo",
    subject: ({ title }) => title,
  },
  todo_list: { order: "look at the todos", doing: "Looking at the todos", done: "Looked at the todos" },
  todo_change: ({ done, title, due_at }) => ({
    ...(done === true && title === undefined && due_at === undefined
      ? { order: "tick off a todo", doing: "Ticking off a todo", done: "Ticked off a todo" }
      : { order: "change a todo", doing: "Changing a todo", done: "Changed a todo" }),
    subject: todoName,
  }),
  todo_remove: {
    order: "remove a todo",
    doing: "Removing a todo",
    done: "Removed a todo",
    subject: todoName,
  },
  calculator: {
    order: "calculate",
    doing: "Calculating",
    done: "Calculated",
    subject: ({ expression }, { result }) =>
      result === undefined ? expression : `${expression} = ${String(result)}`,
  },
  current_time: {
    order: "look at the clock",
    doing: "Looking at the clock",
    done: "Looked at the clock",
    subject: ({ time_zone }, result) => time_zone ?? result.time_zone,
  },
};

function todoName({ title, id }: Fields, result: Fields): unknown {
  return result.title ?? title ?? (id === undefined ? undefined : `number ${String(id)}`);
}

/** A tool that is not ours is called by its name. */
const unknownTool = (name: string): Words => {
  const spoken = toolName(name);
  return {
    order: `use ${spoken}`,
    doing: `Using ${spoken}`,
    done: `Used ${spoken}`,
    subject: (args) =>
      Object.values(args).find((each) => typeof each === "string" || typeof each === "number"),
  };
};

export const toolName = (name: string): string => name.replaceAll("_", " ");

function wordsFor(name: string, args: Fields): Words {
  const words = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  if (!words) return unknownTool(name);
  return typeof words === "function" ? words(args) : words;
}

/** A call as a line of two parts: what is happening, and to what. */
export function describeCall(
  name: string,
  state: ToolState,
  args: unknown,
  result?: unknown,
  decision?: CallDecision,
): { text: string; subject: string } {
  const words = wordsFor(name, fields(args));
  const subject = words.subject?.(fields(args), fields(result));
  const texts: Record<ToolState, string> = {
    intended: `${words.doing}…`,
    running: `${words.doing}…`,
    succeeded: words.done,
    failed: `Could not ${words.order}`,
    denied: `${words.doing} was not allowed`,
    unknown: `${words.doing}, outcome unknown`,
  };
  const said: Record<CallDecision, string> = {
    happened: `${words.done}, as you said`,
    did_not_happen: `${words.doing} did not happen, as you said`,
    retry: `${words.doing}, outcome unknown, made once more`,
  };
  const told = typeof subject === "string" || typeof subject === "number";
  return {
    text: decision ? said[decision] : texts[state],
    subject: told ? String(subject).slice(0, 120) : "",
  };
}

/** What the assistant is doing, of which only the tool's name is known. */
export const doing = (name: string): string => wordsFor(name, {}).doing;

/** What the assistant asks to do: “add a todo”. */
export const order = (name: string, args: unknown): string => wordsFor(name, fields(args)).order;

/** Arguments and results may come as JSON in a text. */
export function parsed(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

export function fields(value: unknown): Fields {
  const content = parsed(value);
  return typeof content === "object" && content !== null ? (content as Fields) : {};
}
