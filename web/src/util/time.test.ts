import { describe, expect, it } from "vitest";
import { dateField, fromDateField, isWholeDay, shortTime } from "./time";

describe("date fields", () => {
  it("mean the beginning of the day where the user is", () => {
    const due = fromDateField("2026-03-31");
    expect(due).toBe(new Date(2026, 2, 31).toISOString());
    expect(isWholeDay(due ?? "")).toBe(true);
    expect(dateField(due)).toBe("2026-03-31");
  });

  it("keep the time of day that was there before", () => {
    const before = new Date(2026, 0, 31, 14, 30).toISOString();
    const due = fromDateField("2026-02-28", before);
    expect(due).toBe(new Date(2026, 1, 28, 14, 30).toISOString());
    expect(isWholeDay(due ?? "")).toBe(false);
  });

  it("are empty where there is no date", () => {
    expect(fromDateField("")).toBeNull();
    expect(dateField(null)).toBe("");
  });
});

describe("times", () => {
  const now = Date.parse("2026-06-15T12:00:00Z");
  it.each([
    ["2026-06-15T11:59:30Z", "just now"],
    ["2026-06-15T11:30:00Z", "30 minutes ago"],
    ["2026-06-14T11:00:00Z", "yesterday"],
    ["nonsense", ""],
  ])("%s is %s", (iso, expected) => {
    expect(shortTime(iso, now)).toBe(expected);
  });
});
