import { describe, expect, it } from "vitest";
import type { CallDecision, ToolState } from "@/api/types";
import { describeCall, doing, order } from "./toolWords";

const line = (name: string, state: ToolState, args: unknown, result?: unknown) => {
  const { text, subject } = describeCall(name, state, args, result);
  return subject ? `${text}: ${subject}` : text;
};

describe("what a call of a tool is called", () => {
  it.each<[string, ToolState, unknown, unknown, string]>([
    ["todo_add", "succeeded", { title: "milk" }, { id: 1 }, "Added a todo: milk"],
    ["todo_add", "running", '{"title":"milk"}', undefined, "Adding a todo…: milk"],
    ["todo_add", "failed", { title: "milk" }, "no", "Could not add a todo: milk"],
    ["todo_add", "denied", { title: "milk" }, undefined, "Adding a todo was not allowed: milk"],
    ["todo_add", "unknown", { title: "milk" }, undefined, "Adding a todo, outcome unknown: milk"],
    ["todo_change", "succeeded", { id: 4, done: true }, { title: "milk" }, "Ticked off a todo: milk"],
    ["todo_change", "succeeded", { id: 4, title: "tea" }, undefined, "Changed a todo: tea"],
    ["todo_remove", "succeeded", { id: 4 }, "{}", "Removed a todo: number 4"],
    ["todo_list", "succeeded", {}, { todos: [] }, "Looked at the todos"],
    ["calculator", "succeeded", { expression: "1+1" }, { result: "2" }, "Calculated: 1+1 = 2"],
    ["current_time", "succeeded", {}, { time_zone: "Asia/Tokyo" }, "Looked at the clock: Asia/Tokyo"],
    ["web_fetch", "succeeded", { n: 3, url: "x" }, undefined, "Used web fetch: 3"],
    ["constructor", "running", null, undefined, "Using constructor…"],
    ["todo_add", "running", "not JSON", undefined, "Adding a todo…"],
  ])("%s, %s", (name, state, args, result, expected) => {
    expect(line(name, state, args, result)).toBe(expected);
  });

  it("after its user has said what became of it", () => {
    const said = (decision: CallDecision) =>
      describeCall("todo_add", "unknown", {}, undefined, decision).text;
    expect(said("happened")).toBe("Added a todo, as you said");
    expect(said("did_not_happen")).toBe("Adding a todo did not happen, as you said");
    expect(said("retry")).toBe("Adding a todo, outcome unknown, made once more");
  });

  it("while only its name is known, and when it is asked for", () => {
    expect(doing("todo_add")).toBe("Adding a todo");
    expect(doing("send_mail")).toBe("Using send mail");
    expect(order("todo_remove", { id: 1 })).toBe("remove a todo");
    expect(order("send_mail", {})).toBe("use send mail");
  });
});
