/**
 * Durations as users write them, turned into whole milliseconds once, at the edge; inside the engine there are only
 * numbers whose names end in `Ms`. Refuses whatever is not exactly a duration, and what is too long for any calendar.
 */

import { LIMITS } from "./limits.ts";
import { MillraceError } from "./millrace-error.ts";

/** A length of time: a number of milliseconds, or a number with a unit, such as `"1.5s"`, `"10m"`, `"2h"` or `"30d"`. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

const PATTERN = /^(-?\d{1,16}(?:\.\d{1,9})?)(ms|s|m|h|d)$/;

/**
 * The duration in whole milliseconds, rounded to the nearest; a positive one is never rounded to zero. `what` names the
 * value in the message. Throws `INVALID_VALUE` for garbage, NaN, infinity, a negative value or one beyond the limit.
 */
export function toMilliseconds(duration: Duration, what: string): number {
  const ms = parse(duration, what);
  if (ms < 0) {
    throw invalid(duration, what, "must not be negative");
  }
  return ms;
}

/** As `toMilliseconds`, for delays: one that is over already (a negative one) is no delay, so it counts as zero. */
export function toDelayMilliseconds(delay: Duration, what: string): number {
  return Math.max(0, parse(delay, what));
}

/** Writes milliseconds the way a person would: `850ms`, `1.5s`, `10m`, `2h 5m`, `30d`. At most the two largest units. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) {
    return "forever";
  }
  const whole = Math.round(Math.abs(ms));
  const sign = ms < 0 && whole > 0 ? "-" : "";
  if (whole < 1_000) {
    return `${sign}${whole}ms`;
  }
  if (whole < 60_000) {
    return `${sign}${Math.floor(whole / 100) / 10}s`;
  }
  const steps: readonly (readonly [string, number, number])[] = [
    ["d", 86_400_000, Number.POSITIVE_INFINITY],
    ["h", 3_600_000, 24],
    ["m", 60_000, 60],
    ["s", 1_000, 60],
  ];
  const parts = steps
    .map(([unit, size, modulus]) => ({ unit, count: Math.floor(whole / size) % modulus }))
    .map(({ unit, count }) => ({ unit, count: Number.isNaN(count) ? 0 : count }));
  const first = parts.findIndex(({ count }) => count > 0);
  const shown = parts.slice(first, first + 2).filter(({ count }) => count > 0);
  return sign + shown.map(({ unit, count }) => `${count}${unit}`).join(" ");
}

function parse(duration: unknown, what: string): number {
  const exact = typeof duration === "string" ? parseText(duration) : duration;
  if (typeof exact !== "number" || !Number.isFinite(exact)) {
    throw invalid(duration, what, 'must be milliseconds, or a number with a unit such as "1.5s", "10m", "2h" or "30d"');
  }
  if (Math.abs(exact) > LIMITS.durationMs) {
    throw invalid(duration, what, `must not be longer than ${LIMITS.durationMs} ms`);
  }
  const rounded = Math.round(exact);
  return exact > 0 ? Math.max(1, rounded) : rounded + 0; // plus zero turns -0 into 0
}

function parseText(text: string): number | undefined {
  const match = PATTERN.exec(text);
  const unit = UNITS.get(match?.[2] ?? "");
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

function invalid(value: unknown, what: string, problem: string): MillraceError {
  const shown =
    typeof value === "string"
      ? JSON.stringify(value.slice(0, 40))
      : typeof value === "number"
        ? `${value}`
        : typeof value;
  return new MillraceError("INVALID_VALUE", `${what} ${problem}; it is ${shown}`, {
    hints: ['Write durations as milliseconds or as "500ms", "1.5s", "10m", "2h", "30d".'],
  });
}
