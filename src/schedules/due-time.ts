/**
 * When something has to be done about a schedule: its instants with their jitter, retries of refused starts, looks at runs
 * that others wait for. Pure: everybody comes to the same times.
 */

import { digest } from "../core/digest.ts";
import type { Schedule, ScheduleContent } from "./schedule.ts";
import { type Timetable, timetable } from "./timetable.ts";

/** Handled within this, an instant is on time, whatever may be caught up. */
const ON_TIME_MS = 60_000;
/** How long others leave a decision to who made it. */
const TAKEOVER_MS = 5_000;
/** Between two looks whether the run has ended that a queue waits for, in case nobody hints at it. */
const SHORTEST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 60_000;

/** The instants of a schedule. */
export function timetableOf({ content }: Pick<Schedule, "content">): Timetable {
  return timetable(content.timing, { after: content.startAfter, until: content.endAt });
}

/** When an instant of the schedule is due: later by its jitter, which depends on nothing but the two. */
export function dueTime({ id, content: { jitterMs } }: Pick<Schedule, "id" | "content">, instant: number): number {
  if (jitterMs === 0) return instant;
  const part = Number.parseInt(digest(`${id}/${instant}`).slice(0, 8), 16) / 2 ** 32;
  return instant + Math.floor(part * jitterMs);
}

/** How late an instant may be. Where the latest one is caught up, others must be on time. */
export function windowMs({ catchUp }: Pick<ScheduleContent, "catchUp">): number {
  return catchUp === "last" ? ON_TIME_MS : Math.max(ON_TIME_MS, catchUp);
}

/** When somebody has to look at it next; `undefined` for one that nothing is left to do about. */
export function lookAt(schedule: Schedule, now: number): number | undefined {
  const { progress } = schedule;
  const { starting, paused, refused, retryAt, next, queue } = progress;
  if (starting.length > 0) return now + TAKEOVER_MS;
  if (paused) return undefined;
  if (refused.length > 0) return retryAt ?? now;
  const times = next === undefined ? [] : [dueTime(schedule, next)];
  const [oldest] = queue;
  if (oldest !== undefined) {
    times.push(now + Math.round(Math.min(LONGEST_LOOK_MS, Math.max(SHORTEST_LOOK_MS, (now - oldest) / 10))));
  }
  return times.length === 0 ? undefined : Math.min(...times);
}
