/**
 * Schedules as documents: the JSON that is stored, and back. What cannot be read is not guessed at: it is refused with
 * `BACKEND_CORRUPT`, or `BACKEND_TOO_NEW` where a newer release has written it, and left as it is.
 */

import type { DocumentRecord, PutDocument } from "../backend/contract/documents.ts";
import { MillraceError } from "../core/errors.ts";
import {
  anything,
  count,
  flag,
  listOf,
  Misshapen,
  named,
  number,
  oneOf,
  optional,
  record,
  type Shape,
  text,
} from "../core/shapes.ts";
import {
  type DecidedStart,
  type Firing,
  type FiringCounts,
  OVERLAPS,
  SCHEDULES,
  type Schedule,
  type ScheduleContent,
  type ScheduleFailure,
  type ScheduleProgress,
} from "./schedule.ts";
import type { Timing } from "./timetable.ts";

const FORMAT = 1;

/** The document that a schedule is. `at`: when somebody has to look at it next. */
export function toDocument({ id, content, progress }: Schedule, at: number | undefined): PutDocument {
  const { input, tags, ...rest } = content;
  const stored = { ...rest, tags: Object.entries(tags) };
  return {
    kind: SCHEDULES,
    key: id,
    json: JSON.stringify({ format: FORMAT, content: stored, progress }),
    value: input,
    at,
  };
}

/** The schedule in a document. Throws `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`. */
export function fromDocument({ key, json, value }: Pick<DocumentRecord, "key" | "json" | "value">): Schedule {
  try {
    const parsed: unknown = JSON.parse(json);
    const { format } = envelope(parsed, "it");
    if (format > FORMAT) throw tooNew(key);
    const { content, progress } = stored(parsed, "it");
    return { id: key, content: { ...content, input: value ?? new Uint8Array() }, progress };
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause;
    const why = cause instanceof Misshapen ? cause.message : "it is no JSON";
    throw new MillraceError("BACKEND_CORRUPT", `the schedule ${key} in the store is not readable: ${why}`, { cause });
  }
}

function tooNew(key: string): MillraceError {
  return new MillraceError("BACKEND_TOO_NEW", `the schedule ${key} was written by a newer version of this package`);
}

const envelope: Shape<{ readonly format: number }> = (value, at) => {
  const { format } = record<{ format: number; content?: unknown; progress?: unknown }>({
    format: count,
    content: anything,
    progress: anything,
  })(value, at);
  return { format };
};

const timing: Shape<Timing> = (value, at) => {
  const { kind } = record<{
    kind: Timing["kind"];
    cron?: unknown;
    timezone?: unknown;
    everyMs?: unknown;
    from?: unknown;
    at?: unknown;
  }>({
    kind: oneOf(["cron", "every", "at"]),
    cron: anything,
    timezone: anything,
    everyMs: anything,
    from: anything,
    at: anything,
  })(value, at);
  switch (kind) {
    case "cron":
      return record<Extract<Timing, { kind: "cron" }>>({ kind: oneOf(["cron"]), cron: text, timezone: text })(
        value,
        at,
      );
    case "every":
      return record<Extract<Timing, { kind: "every" }>>({ kind: oneOf(["every"]), everyMs: count, from: number })(
        value,
        at,
      );
    case "at":
      return record<Extract<Timing, { kind: "at" }>>({ kind: oneOf(["at"]), at: number })(value, at);
  }
};

const catchUp: Shape<number | "last"> = (value, at) => (value === "last" ? value : count(value, at));

const content = record<Omit<ScheduleContent, "input">>({
  workflow: text,
  version: optional(text),
  timing,
  startAfter: optional(number),
  endAt: optional(number),
  overlap: oneOf(OVERLAPS),
  catchUp,
  jitterMs: count,
  tags: named(text),
  priority: number,
});

const start = record<DecidedStart>({
  instant: number,
  runId: text,
  cancels: listOf(text),
  trigger: optional(text),
});

const failure = record<ScheduleFailure>({ code: text, message: text, instant: number, at: number, count });

const firing: Shape<Firing> = (value, at) => {
  const kind = typeof value === "object" && value !== null ? Reflect.get(value, "kind") : undefined;
  switch (oneOf<Firing["kind"]>(["started", "skipped", "missed", "failed"])(kind, `${at}.kind`)) {
    case "started":
      return record<Extract<Firing, { kind: "started" }>>({
        kind: oneOf(["started"]),
        instant: number,
        at: number,
        runId: text,
        triggered: flag,
      })(value, at);
    case "skipped":
      return record<Extract<Firing, { kind: "skipped" }>>({
        kind: oneOf(["skipped"]),
        instant: number,
        at: number,
        why: oneOf(["running", "overtaken", "queueFull"]),
        runId: optional(text),
      })(value, at);
    case "missed":
      return record<Extract<Firing, { kind: "missed" }>>({
        kind: oneOf(["missed"]),
        instant: number,
        at: number,
        count,
      })(value, at);
    case "failed":
      return record<Extract<Firing, { kind: "failed" }>>({
        kind: oneOf(["failed"]),
        instant: number,
        at: number,
        code: text,
        message: text,
      })(value, at);
  }
};

const counts = record<FiringCounts>({ started: count, skipped: count, missed: count, failed: count });

const progress = record<ScheduleProgress>({
  createdAt: number,
  paused: flag,
  next: optional(number),
  starting: listOf(start),
  refused: listOf(number),
  retryAt: optional(number),
  queue: listOf(number),
  open: listOf(text),
  failure: optional(failure),
  firings: listOf(firing),
  counts,
});

const stored = record<{ format: number; content: Omit<ScheduleContent, "input">; progress: ScheduleProgress }>({
  format: count,
  content,
  progress,
});
