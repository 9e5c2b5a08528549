/**
 * Instants and lengths of time for people and for programs: "3m ago" on a terminal, ISO 8601 in JSON. Pure; the present
 * is handed in, and is the store's own, so that a machine whose clock is wrong still tells ages right.
 */

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** How long ago, or how far ahead, in one unit: "now", "42s ago", "in 5m", "3d ago". */
export function relative(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 1_000) return "now";
  const text = span(distance, 1);
  return at <= now ? `${text} ago` : `in ${text}`;
}

/** A length of time in at most two units: "850ms", "1.5s", "2h 5m", "30d". */
export function span(ms: number, units: 1 | 2 = 2): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole}ms`;
  if (whole < 60_000 && units === 2) return `${Math.floor(whole / 100) / 10}s`;
  let rest = whole;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === units) break;
  }
  return parts.join(" ");
}

/** ISO 8601 in UTC; `undefined` stays. */
export function instant(at: number): string;
export function instant(at: number | undefined): string | undefined;
export function instant(at: number | undefined): string | undefined {
  if (at === undefined) return undefined;
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? String(at) : date.toISOString();
}
