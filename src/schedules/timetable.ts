/**
 * When a schedule fires: the instants that a cron pattern, an interval or a single instant stands for. Pure: the same
 * timing gives the same instants in every process. Cron patterns are read by croner, in the time zones of this Node.
 */

import { Cron } from "croner";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";

/** What the instants of a schedule are made from. */
export type Timing =
  | { readonly kind: "cron"; readonly cron: string; readonly timezone: string }
  /** `from` plus 1, 2, 3, … times the interval. */
  | { readonly kind: "every"; readonly everyMs: number; readonly from: number }
  | { readonly kind: "at"; readonly at: number };

/** Only instants later than `after` count, and none later than `until`. */
export interface Bounds {
  readonly after?: number | undefined;
  readonly until?: number | undefined;
}

export interface Timetable {
  /** The first instant later than this one. */
  next(after: number): number | undefined;
  /** The last instant that is not later than this one. */
  last(upTo: number): number | undefined;
  /** How many instants there are from the first of these on, before the second; those of a pattern are counted up to `most`. */
  count(from: number, before: number, most: number): number;
}

/** Five, six or seven fields, or a word for one of the usual patterns. */
const PATTERN = /^(?:@[a-z]+|\S+(?: +\S+){4,6})$/i;
const LONGEST_PATTERN = 256;
const LAST_INSTANT = 8_640_000_000_000_000;

/** The instants of a timing. Throws `INVALID_SCHEDULE` for a pattern or a time zone that is none. */
export function timetable(timing: Timing, { after, until }: Bounds = {}): Timetable {
  const all = unbounded(timing);
  const isIn = (at: number | undefined): at is number => at !== undefined && (until === undefined || at <= until);
  const next = (given: number): number | undefined => {
    const found = all.next(Math.max(given, after ?? Number.NEGATIVE_INFINITY));
    return isIn(found) ? found : undefined;
  };
  return {
    next,
    last(upTo) {
      const found = all.last(Math.min(upTo, until ?? Number.POSITIVE_INFINITY));
      return found === undefined || (after !== undefined && found <= after) ? undefined : found;
    },
    count(from, before, most) {
      if (timing.kind === "every") return Math.max(0, Math.ceil((before - from) / timing.everyMs));
      let count = 0;
      for (let at: number | undefined = from; at !== undefined && at < before && count < most; at = next(at))
        count += 1;
      return count;
    },
  };
}

function unbounded(timing: Timing): Pick<Timetable, "next" | "last"> {
  switch (timing.kind) {
    case "cron":
      return cronInstants(timing.cron, timing.timezone);
    case "every":
      return intervals(timing.everyMs, timing.from);
    case "at":
      return {
        next: (after) => (after < timing.at ? timing.at : undefined),
        last: (upTo) => (upTo >= timing.at ? timing.at : undefined),
      };
  }
}

function intervals(everyMs: number, from: number): Pick<Timetable, "next" | "last"> {
  const nth = (n: number): number | undefined => {
    const at = from + n * everyMs;
    return n >= 1 && at <= LAST_INSTANT ? at : undefined;
  };
  return {
    next: (after) => nth(Math.max(1, Math.floor((after - from) / everyMs) + 1)),
    last: (upTo) => nth(Math.floor((upTo - from) / everyMs)),
  };
}

function cronInstants(cron: string, timezone: string): Pick<Timetable, "next" | "last"> {
  const job = readPattern(cron, checkTimezone(timezone));
  return {
    next: (after) => job.nextRun(dateOf(after))?.getTime(),
    // The library looks for what is strictly earlier.
    last: (upTo) => job.previousRuns(1, dateOf(upTo + 1))[0]?.getTime(),
  };
}

/** Beyond its own range a date is none. */
function dateOf(instant: number): Date {
  return new Date(Math.min(Math.max(instant, 0), LAST_INSTANT));
}

function readPattern(cron: string, timezone: string): Cron {
  const shown = JSON.stringify(cron.slice(0, 80));
  if (cron.length > LONGEST_PATTERN || !PATTERN.test(cron)) {
    throw invalid(`${shown} is no cron pattern: it takes five, six or seven fields`);
  }
  try {
    return new Cron(cron, { timezone, paused: true, fixedTimeRule: "no-wildcard" });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/^CronPattern: /, "") : String(cause);
    throw invalid(`${shown} is no cron pattern: ${why.slice(0, LIMITS.nameLength)}`, cause);
  }
}

function checkTimezone(timezone: string): string {
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    return timezone;
  } catch (cause) {
    throw new MillraceError("INVALID_SCHEDULE", `${JSON.stringify(timezone.slice(0, 80))} is no time zone`, {
      cause,
      hints: ['Name it as the time zone database does, such as "Europe/Berlin", or "UTC".'],
    });
  }
}

function invalid(message: string, cause?: unknown): MillraceError {
  return new MillraceError("INVALID_SCHEDULE", message, {
    cause,
    hints: [
      'Fields are [second] minute hour day-of-month month day-of-week [year], such as "30 2 * * *" or "*/15 * * * * *".',
    ],
  });
}
