/**
 * What becomes of the instants of a schedule that are due: which start a run, which wait, which are passed over, and what
 * is kept of that. Pure, so that a decision can be made by anybody and counts when it is put. Invariant: every instant
 * is decided about once, in order, and is then started, skipped, missed or failed; never two of these.
 */

import { cleanText } from "../core/text.ts";
import { dueTime, timetableOf, windowMs } from "./due-time.ts";
import type { DecidedStart, Firing, FiringCounts, Schedule, ScheduleProgress } from "./schedule.ts";
import type { Timetable } from "./timetable.ts";

/** Instants that one decision is about; the rest follows at once. */
const MOST_AT_ONCE = 100;
const MOST_QUEUED = 1_000;
/** Instants that nobody fired are counted so far. */
const MOST_COUNTED = 1_000;
const KEPT_FIRINGS = 20;
const KEPT_OPEN = 100;
const KEPT_MESSAGE = 500;
const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

/** What a decision depends on beside the schedule. */
export interface Circumstances {
  readonly now: number;
  /** Whether the run exists and has not ended. */
  isOpen(runId: string): boolean;
  newRunId(): string;
}

/** What became of a start. */
export type StartResult =
  | { readonly ok: true; readonly runId: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Decides about all that is due. Precondition: nothing is being started. The same object if there is nothing to decide. */
export function decide(schedule: Schedule, circumstances: Circumstances): Schedule {
  const { content, progress } = schedule;
  const { now } = circumstances;
  if (progress.paused || (progress.refused.length > 0 && now < (progress.retryAt ?? now))) return schedule;
  const open = progress.open.filter((runId) => circumstances.isOpen(runId));
  const due = dueInstants(schedule, now, mostAtOnce(schedule, open));
  const canStart = progress.queue.length > 0 && (open.length === 0 || content.overlap === "allow");
  if (due.instants.length === 0 && due.missed === 0 && progress.refused.length === 0 && !canStart) return schedule;
  const inTime = new Set(timely(schedule, [...progress.refused, ...due.instants], now));
  const late = [...progress.refused, ...due.instants].filter((instant) => !inTime.has(instant));
  // What was refused goes first: the queue comes after it.
  const refused = progress.refused.filter((instant) => inTime.has(instant));
  const instants = [...refused, ...progress.queue, ...due.instants.filter((instant) => inTime.has(instant))];
  const chosen = choose(schedule, instants, open, circumstances);
  const firings: Firing[] = [
    ...(due.missed === 0 ? [] : [missed(due.missedFrom, now, due.missed)]),
    ...late.map((instant) => tooLate(schedule, instant, now)),
    ...chosen.skipped,
  ];
  return {
    ...schedule,
    progress: {
      ...noted(progress, firings),
      next: due.next,
      starting: chosen.starts,
      refused: [],
      retryAt: undefined,
      queue: chosen.queue,
      open,
    },
  };
}

/** Notes what became of the starts that were decided, by the ids that they were decided with. */
export function settle(schedule: Schedule, results: ReadonlyMap<string, StartResult>, now: number): Schedule {
  const { progress } = schedule;
  const firings: Firing[] = [];
  const started: string[] = [];
  const refused: number[] = [];
  let refusal: (StartResult & { readonly ok: false }) | undefined;
  for (const { instant, runId, trigger } of progress.starting) {
    const result = results.get(runId);
    const triggered = trigger !== undefined;
    if (result === undefined) continue;
    if (result.ok) {
      started.push(result.runId);
      firings.push({ kind: "started", instant, at: now, runId: result.runId, triggered });
      continue;
    }
    const [code, message] = [result.code, cleanText(result.message, KEPT_MESSAGE)];
    refusal ??= { ok: false, code, message };
    if (triggered) firings.push({ kind: "failed", instant, at: now, code, message });
    else refused.push(instant);
  }
  const [firstRefused] = refused;
  const count = (progress.failure?.count ?? 0) + 1;
  const failure =
    firstRefused !== undefined && refusal !== undefined
      ? { code: refusal.code, message: refusal.message, instant: firstRefused, at: now, count }
      : started.length > 0
        ? undefined
        : progress.failure;
  const waitMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(count - 1, 16));
  return {
    ...schedule,
    progress: {
      ...noted(progress, firings),
      starting: [],
      refused: [...progress.refused, ...refused],
      retryAt: refused.length > 0 ? now + waitMs : progress.retryAt,
      open: [...progress.open, ...started].slice(-KEPT_OPEN),
      failure,
    },
  };
}

/** A start by hand, beside all others. */
export function withTrigger(schedule: Schedule, trigger: string, runId: string, now: number): Schedule {
  const start: DecidedStart = { instant: now, runId, cancels: [], trigger };
  return { ...schedule, progress: { ...schedule.progress, starting: [...schedule.progress.starting, start] } };
}

interface Due {
  /** To be decided about, in order. */
  readonly instants: readonly number[];
  /** Too old for anything: so many, from `missedFrom` on. */
  readonly missed: number;
  readonly missedFrom: number;
  readonly next: number | undefined;
}

/** An instant is skipped only once there is a run that it gives way to; and what is refused stays bounded. */
function mostAtOnce({ content, progress: { refused } }: Schedule, open: readonly string[]): number {
  if (content.overlap === "skip" && open.length === 0) return refused.length > 0 ? 0 : 1;
  return Math.max(0, MOST_AT_ONCE - refused.length);
}

function dueInstants(schedule: Schedule, now: number, most: number): Due {
  const first = schedule.progress.next;
  if (first === undefined || most === 0 || dueTime(schedule, first) > now) {
    return { instants: [], missed: 0, missedFrom: 0, next: first };
  }
  const table = timetableOf(schedule);
  const horizon = now - windowMs(schedule.content);
  let at: number | undefined = first;
  if (dueTime(schedule, first) < horizon) {
    at = table.next(Math.max(first, horizon - schedule.content.jitterMs) - 1);
    while (at !== undefined && dueTime(schedule, at) < horizon) at = table.next(at);
  }
  const missedCount = at === first ? 0 : table.count(first, at ?? now + 1, MOST_COUNTED);
  const instants: number[] = [];
  while (at !== undefined && dueTime(schedule, at) <= now && instants.length < most) {
    instants.push(at);
    at = table.next(at);
  }
  const last = instants.length === 0 && missedCount > 0 ? lastOf(schedule, table, now) : undefined;
  return last === undefined
    ? { instants, missed: missedCount, missedFrom: first, next: at }
    : { instants: [last], missed: missedCount - 1, missedFrom: first, next: at };
}

/** The latest instant that is due, where that one alone is caught up. */
function lastOf(schedule: Schedule, table: Timetable, now: number): number | undefined {
  if (schedule.content.catchUp !== "last") return undefined;
  let last = table.last(now);
  while (last !== undefined && dueTime(schedule, last) > now) last = table.last(last - 1);
  return last;
}

function timely(schedule: Schedule, instants: readonly number[], now: number): readonly number[] {
  const horizon = now - windowMs(schedule.content);
  const newest = schedule.content.catchUp === "last" ? instants.at(-1) : undefined;
  return instants.filter((instant) => instant === newest || dueTime(schedule, instant) >= horizon);
}

interface Chosen {
  readonly starts: readonly DecidedStart[];
  readonly queue: readonly number[];
  readonly skipped: readonly Firing[];
}

function choose(
  { content: { overlap } }: Schedule,
  all: readonly number[],
  open: readonly string[],
  { now, newRunId }: Circumstances,
): Chosen {
  const start = (instant: number, cancels: readonly string[] = []): DecidedStart => ({
    instant,
    runId: newRunId(),
    cancels,
    trigger: undefined,
  });
  const skip = (instant: number, why: "running" | "overtaken" | "queueFull", runId: string | undefined): Firing => ({
    kind: "skipped",
    instant,
    at: now,
    why,
    runId,
  });
  switch (overlap) {
    case "allow":
      return { starts: all.map((instant) => start(instant)), queue: [], skipped: [] };
    case "skip": {
      const [running] = open;
      const starts = running === undefined ? all.slice(0, 1).map((instant) => start(instant)) : [];
      const by = running ?? starts[0]?.runId;
      const skipped = all.slice(starts.length).map((instant) => skip(instant, "running", by));
      return { starts, queue: [], skipped };
    }
    case "cancelRunning": {
      const starts = all.slice(-1).map((instant) => start(instant, open));
      const skipped = all.slice(0, -1).map((instant) => skip(instant, "overtaken", undefined));
      return { starts, queue: [], skipped };
    }
    case "queue": {
      const starts = open.length === 0 ? all.slice(0, 1).map((instant) => start(instant)) : [];
      const waiting = all.slice(starts.length);
      const skipped = waiting.slice(MOST_QUEUED).map((instant) => skip(instant, "queueFull", undefined));
      return { starts, queue: waiting.slice(0, MOST_QUEUED), skipped };
    }
  }
}

function missed(instant: number, at: number, count: number): Firing {
  return { kind: "missed", instant, at, count };
}

/** One that was refused failed for good; one that nobody tried was missed. */
function tooLate({ progress: { refused, failure } }: Schedule, instant: number, now: number): Firing {
  if (!refused.includes(instant)) return missed(instant, now, 1);
  const { code = "INTERNAL", message = "its start was refused" } = failure ?? {};
  return { kind: "failed", instant, at: now, code, message };
}

function noted(progress: ScheduleProgress, firings: readonly Firing[]): ScheduleProgress {
  if (firings.length === 0) return progress;
  const counts = firings.reduce(counted, progress.counts);
  return { ...progress, counts, firings: [...progress.firings, ...firings].slice(-KEPT_FIRINGS) };
}

function counted(counts: FiringCounts, firing: Firing): FiringCounts {
  const more = firing.kind === "missed" ? firing.count : 1;
  return { ...counts, [firing.kind]: counts[firing.kind] + more };
}
