/** Schedules as users see them. Instants are milliseconds since 1970, by the backend's clock. */

import type { DocumentRecord } from "../backend/contract/documents.ts";
import { decodeValue } from "../core/values.ts";
import { dueTime } from "./due-time.ts";
import type { Firing, FiringCounts, Overlap, ScheduleFailure, ScheduleProgress } from "./schedule.ts";
import { fromDocument } from "./schedule-record.ts";

/** A schedule, and how far it has come. */
export interface ScheduleInfo {
  readonly id: string;
  readonly workflow: string;
  /** The version published last if absent. */
  readonly version: string | undefined;
  /** `failing`: its last start was refused, and is tried again. `finished`: no instant is left. */
  readonly status: "active" | "paused" | "failing" | "finished";
  /** One of the next three. */
  readonly cron: string | undefined;
  readonly everyMs: number | undefined;
  readonly at: number | undefined;
  /** Of a cron pattern. */
  readonly timezone: string | undefined;
  readonly startAfter: number | undefined;
  readonly endAt: number | undefined;
  readonly overlap: Overlap;
  /** Milliseconds, or `last`. */
  readonly catchUp: number | "last";
  readonly jitterMs: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly input: unknown;
  /** When it fires next, jitter included. */
  readonly nextAt: number | undefined;
  /** Instants that wait for the end of a run. */
  readonly queued: number;
  /** Why its last start was refused; gone once a start is not. */
  readonly failure: ScheduleFailure | undefined;
  /** What became of the latest instants, newest first. */
  readonly firings: readonly Firing[];
  /** What became of all instants. */
  readonly counts: FiringCounts;
  readonly createdAt: number;
  readonly changedAt: number;
}

/** Throws `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`. */
export function toScheduleInfo(document: DocumentRecord): ScheduleInfo {
  const schedule = fromDocument(document);
  const { id, content, progress } = schedule;
  const { timing, input, ...settings } = content;
  const { next, paused, queue, failure, firings, counts, createdAt } = progress;
  return {
    id,
    ...settings,
    status: statusOf(progress),
    cron: timing.kind === "cron" ? timing.cron : undefined,
    everyMs: timing.kind === "every" ? timing.everyMs : undefined,
    at: timing.kind === "at" ? timing.at : undefined,
    timezone: timing.kind === "cron" ? timing.timezone : undefined,
    input: decodeValue(input, { what: `the input of schedule ${id}` }),
    nextAt: next === undefined || paused ? undefined : dueTime(schedule, next),
    queued: queue.length,
    failure,
    firings: firings.toReversed(),
    counts,
    createdAt,
    changedAt: document.changedAt,
  };
}

function statusOf({ paused, refused, failure, next, queue, starting }: ScheduleProgress): ScheduleInfo["status"] {
  if (paused) return "paused";
  if (failure !== undefined && (refused.length > 0 || next !== undefined)) return "failing";
  const isOver = next === undefined && queue.length === 0 && refused.length === 0 && starting.length === 0;
  return isOver ? "finished" : "active";
}
