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

/** The heading under which the sidebar groups a conversation. */
export function dayGroup(iso: string, now = new Date()): string {
  const at = new Date(iso);
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  if (at.getTime() >= midnight) return "Today";
  if (at.getTime() >= midnight - 86_400_000) return "Yesterday";
  if (at.getTime() >= midnight - 6 * 86_400_000) return "Earlier this week";
  return at.toLocaleDateString("en", { month: "long", year: "numeric" });
}
