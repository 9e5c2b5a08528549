/**
 * What users say of a schedule, checked and turned into what is kept of it. Refuses with `INVALID_SCHEDULE` what is none, a
 * property that nobody knows included: a misspelt time zone must not become UTC. Whether it ever fires is judged by `firstInstant`.
 */

import { type Duration, toMilliseconds } from "../core/duration.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import { type Instant, toInstant } from "../core/instant.ts";
import { DEFAULTS, LIMITS } from "../core/limits.ts";
import { windowMs } from "./due-time.ts";
import { OVERLAPS, type Overlap, type ScheduleContent } from "./schedule.ts";
import { type Timing, timetable } from "./timetable.ts";

/** When a schedule fires: by one of the three. */
export type ScheduleTimes =
  /** A cron pattern, in a time zone such as `Europe/Berlin`; UTC if absent. */
  | {
      readonly cron: string;
      readonly timezone?: string | undefined;
      readonly every?: undefined;
      readonly at?: undefined;
    }
  /** After each interval, counted from `startAfter`, or else from when the schedule was made. */
  | { readonly every: Duration; readonly cron?: undefined; readonly timezone?: undefined; readonly at?: undefined }
  /** Once. */
  | { readonly at: Instant; readonly cron?: undefined; readonly timezone?: undefined; readonly every?: undefined };

/** How a schedule fires. All may be left out. */
export interface ScheduleSettings {
  /** What to do at an instant while a run that the schedule has started is open; `skip` if absent. */
  readonly overlap?: Overlap | undefined;
  /** How old an instant may be that nobody was there to fire; 1 h if absent, and never less than a minute. `last`: only the latest one, however old. */
  readonly catchUp?: Duration | "last" | undefined;
  /** Each instant fires later by a part of this, always the same for the same instant. */
  readonly jitter?: Duration | undefined;
  /** Only instants later than this. */
  readonly startAfter?: Instant | undefined;
  /** No instant later than this. */
  readonly endAt?: Instant | undefined;
  /** Of the runs, beside the two that name the schedule and the instant. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Of the runs. */
  readonly priority?: number | undefined;
}

/** What is said of a schedule, types erased. */
export interface SaidOfSchedule extends ScheduleSettings {
  readonly cron?: string | undefined;
  readonly timezone?: string | undefined;
  readonly every?: Duration | undefined;
  readonly at?: Instant | undefined;
}

type Settings = Omit<ScheduleContent, "workflow" | "version" | "input">;

const TIMES: readonly (keyof SaidOfSchedule)[] = ["cron", "every", "at"];
const LEAST_INTERVAL_MS = 1_000;
const DEFAULT_TIMEZONE = "UTC";

/** What is kept of what was said. `from`: what an interval counts from. Throws `INVALID_SCHEDULE`. */
export function toSettings(said: SaidOfSchedule, from: number): Settings {
  const given = TIMES.filter((name) => said[name] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? "has none of" : `has ${given.join(" and ")}, but takes one of`;
    throw invalid(`a schedule ${found} cron, every and at`);
  }
  if (said.timezone !== undefined && said.cron === undefined)
    throw invalid("a time zone goes with a cron pattern only");
  return invalidUnlessRead(() => {
    const startAfter = said.startAfter === undefined ? undefined : toInstant(said.startAfter, "startAfter");
    const timing = timingOf(said, startAfter ?? from);
    const settings: Settings = {
      timing,
      startAfter,
      endAt: said.endAt === undefined ? undefined : toInstant(said.endAt, "endAt"),
      overlap: overlapOf(said.overlap),
      catchUp: catchUpOf(said.catchUp),
      jitterMs: jitterOf(said.jitter, timing),
      tags: said.tags ?? {},
      priority: said.priority ?? 0,
    };
    timetable(timing);
    return settings;
  });
}

/** What somebody would have said to get these settings. */
export function saidOf({
  timing,
  overlap,
  catchUp,
  jitterMs,
  startAfter,
  endAt,
  tags,
  priority,
}: Settings): SaidOfSchedule {
  const rest = { overlap, catchUp, jitter: jitterMs, startAfter, endAt, tags, priority };
  switch (timing.kind) {
    case "cron":
      return { ...rest, cron: timing.cron, timezone: timing.timezone };
    case "every":
      return { ...rest, every: timing.everyMs };
    case "at":
      return { ...rest, at: timing.at };
  }
}

/** The first instant that may fire from now on. Throws `INVALID_SCHEDULE` if there is none. */
export function firstInstant(content: Settings, now: number): number {
  const table = timetable(content.timing, { after: content.startAfter, until: content.endAt });
  // Whoever names one instant means it, though it may just have gone by.
  const window = content.catchUp === "last" ? Number.POSITIVE_INFINITY : windowMs(content);
  const first = table.next(content.timing.kind === "at" ? Math.max(0, now - window) - 1 : now);
  if (first !== undefined) return first;
  throw new MillraceError("INVALID_SCHEDULE", `${phraseOf(content)} never fires`, { hints: [hintFor(content)] });
}

/** Throws `INVALID_SCHEDULE` for a property that is none of these. */
export function checkProperties(said: object, known: readonly string[]): void {
  const unknown = Object.keys(said).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const names = unknown.map((name) => JSON.stringify(name.slice(0, 40))).join(", ");
  throw invalid(`a schedule has no property ${names}`, `Its properties are: ${known.join(", ")}.`);
}

/** Properties by which settings are said. */
export const SETTINGS: readonly string[] = Object.keys({
  cron: true,
  timezone: true,
  every: true,
  at: true,
  startAfter: true,
  endAt: true,
  overlap: true,
  catchUp: true,
  jitter: true,
  tags: true,
  priority: true,
} satisfies Record<keyof SaidOfSchedule, true>);

/** The timing in words. */
function phraseOf({ timing, endAt }: Pick<Settings, "timing" | "endAt">): string {
  const until = endAt === undefined ? "" : ` until ${new Date(endAt).toISOString()}`;
  switch (timing.kind) {
    case "cron":
      return `the pattern ${JSON.stringify(timing.cron)} in ${timing.timezone}${until}`;
    case "every":
      return `an interval of ${timing.everyMs} ms${until}`;
    case "at":
      return `the instant ${new Date(timing.at).toISOString()}${until}`;
  }
}

function timingOf(said: SaidOfSchedule, from: number): Timing {
  if (said.cron !== undefined) {
    if (typeof said.cron !== "string") throw invalid("a cron pattern is a string");
    const { timezone = DEFAULT_TIMEZONE } = said;
    if (typeof timezone !== "string") throw invalid("a time zone is a string");
    return { kind: "cron", cron: said.cron, timezone };
  }
  if (said.every !== undefined) {
    const everyMs = toMilliseconds(said.every, "the interval of a schedule");
    if (everyMs < LEAST_INTERVAL_MS) throw invalid(`the interval of a schedule is at least ${LEAST_INTERVAL_MS} ms`);
    return { kind: "every", everyMs, from };
  }
  return { kind: "at", at: toInstant(said.at ?? Number.NaN, "the instant of a schedule") };
}

function overlapOf(overlap: Overlap = "skip"): Overlap {
  if (OVERLAPS.includes(overlap)) return overlap;
  throw invalid(`overlap is one of ${OVERLAPS.join(", ")}`);
}

function catchUpOf(catchUp: Duration | "last" = DEFAULTS.catchUpMs): number | "last" {
  return catchUp === "last" ? catchUp : toMilliseconds(catchUp, "catchUp");
}

function jitterOf(jitter: Duration = 0, timing: Timing): number {
  const ms = toMilliseconds(jitter, "the jitter of a schedule");
  if (ms > LIMITS.scheduleJitterMs) throw invalid(`the jitter of a schedule is at most ${LIMITS.scheduleJitterMs} ms`);
  if (timing.kind === "every" && ms >= timing.everyMs) throw invalid("the jitter is shorter than the interval");
  return ms;
}

function hintFor({ timing }: Settings): string {
  return timing.kind === "cron"
    ? "No day matches its fields: the 30th of February, for instance, or a year that is over."
    : "Its time is over; give a later one.";
}

/** What the readers of durations and instants refuse is no schedule. */
function invalidUnlessRead<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!isMillraceError(cause, "INVALID_VALUE")) throw cause;
    throw new MillraceError("INVALID_SCHEDULE", cause.message, { cause, hints: cause.hints });
  }
}

function invalid(message: string, ...hints: readonly string[]): MillraceError {
  return new MillraceError("INVALID_SCHEDULE", message, { hints });
}
