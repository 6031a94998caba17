const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];
const long = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const narrow = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "narrow" });

/** Relative under a week, the date after. */
export const shortTime = (iso: string, now = Date.now()): string => timeText(iso, now, long, "just now");

/** The same where there is little room. */
export const narrowTime = (iso: string, now = Date.now()): string => timeText(iso, now, narrow, "now");

function timeText(iso: string, now: number, relative: Intl.RelativeTimeFormat, recent: string): string {
  const at = Date.parse(iso);
  const age = now - at;
  if (Number.isNaN(at)) return "";
  if (Math.abs(age) < 60_000) return recent;
  if (Math.abs(age) >= 7 * 86_400_000) {
    const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
    return new Date(at).toLocaleDateString("en", {
      day: "numeric",
      month: "short",
      year: sameYear ? undefined : "numeric",
    });
  }
  for (const [unit, size] of UNITS) {
    if (Math.abs(age) >= size) return relative.format(-Math.round(age / size), unit);
  }
  return recent;
}

export function exactTime(iso: string): string {
  const at = new Date(iso);
  return Number.isNaN(at.getTime())
    ? ""
    : at.toLocaleString("en", { dateStyle: "full", timeStyle: "medium" });
}

/** The date of a moment where the user is, as a date field has it; empty where there is none. */
export function dateField(iso: string | null): string {
  if (iso === null) return "";
  const at = new Date(iso);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(at.getFullYear()).padStart(4, "0")}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** The moment that a date field means: the time of day of `before`, else the beginning of the day. */
export function fromDateField(value: string, before: string | null = null): string | null {
  const [year, month, day] = value.split("-").map(Number);
  if (year === undefined || month === undefined || day === undefined) return null;
  const at = before === null ? new Date(2000, 0) : new Date(before);
  at.setFullYear(year, month - 1, day);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** Whether a moment is the beginning of a day where the user is: then the day itself is meant. */
export function isWholeDay(iso: string): boolean {
  const at = new Date(iso);
  return at.getHours() === 0 && at.getMinutes() === 0;
}

/** The heading under which the sidebar groups a conversation. */
export function dayGroup(iso: string, now = new Date()): string {
  const at = new Date(iso);
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (at.getTime() >= midnight) return "Today";
  if (at.getTime() >= midnight - 86_400_000) return "Yesterday";
  if (at.getTime() >= midnight - 6 * 86_400_000) return "Earlier this week";
  return at.toLocaleDateString("en", { month: "long", year: "numeric" });
}
