/**
 * What a schedule is to the engine: what was asked for, and how far it has come. A record that only changes as a whole, by
 * the functions of this folder. Invariant: every list in it is bounded.
 */

import type { Timing } from "./timetable.ts";

/** The kind of the documents that schedules are. */
export const SCHEDULES = "schedule";

/** What to do at an instant while a run of an earlier one is open. */
export const OVERLAPS = ["skip", "queue", "cancelRunning", "allow"] as const;
export type Overlap = (typeof OVERLAPS)[number];

/** What was asked for. */
export interface ScheduleContent {
  readonly workflow: string;
  /** The version published last if absent. */
  readonly version: string | undefined;
  readonly timing: Timing;
  readonly startAfter: number | undefined;
  readonly endAt: number | undefined;
  readonly overlap: Overlap;
  /** Milliseconds, or `last`: the latest instant, however old. */
  readonly catchUp: number | "last";
  readonly jitterMs: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly priority: number;
  /** Encoded. */
  readonly input: Uint8Array;
}

/** A start that was decided and may have been made. */
export interface DecidedStart {
  readonly instant: number;
  readonly runId: string;
  /** Runs that give way to it. */
  readonly cancels: readonly string[];
  /** The key of a start that somebody asked for by hand. */
  readonly trigger: string | undefined;
}

/** Why the last starts were refused. */
export interface ScheduleFailure {
  readonly code: string;
  readonly message: string;
  /** The first instant that was refused. */
  readonly instant: number;
  /** When it was refused last. */
  readonly at: number;
  /** Refusals in a row. */
  readonly count: number;
}

/** What became of an instant, or of several in a row. */
export type Firing =
  | {
      readonly kind: "started";
      readonly instant: number;
      readonly at: number;
      readonly runId: string;
      readonly triggered: boolean;
    }
  /** For the run `runId` that was open, since a newer instant came with it, or since too many were queued. */
  | {
      readonly kind: "skipped";
      readonly instant: number;
      readonly at: number;
      readonly why: "running" | "overtaken" | "queueFull";
      readonly runId: string | undefined;
    }
  /** Nobody was there to fire it, or them: `count` from `instant` on, or more than could be counted. */
  | { readonly kind: "missed"; readonly instant: number; readonly at: number; readonly count: number }
  /** Its start was refused until it was too late. */
  | {
      readonly kind: "failed";
      readonly instant: number;
      readonly at: number;
      readonly code: string;
      readonly message: string;
    };

export interface FiringCounts {
  readonly started: number;
  readonly skipped: number;
  readonly missed: number;
  readonly failed: number;
}

/** How far it has come. */
export interface ScheduleProgress {
  readonly createdAt: number;
  readonly paused: boolean;
  /** The first instant that nothing was decided about; none if there is none left. */
  readonly next: number | undefined;
  readonly starting: readonly DecidedStart[];
  /** Instants whose starts were refused, to be tried again at `retryAt`. */
  readonly refused: readonly number[];
  readonly retryAt: number | undefined;
  /** Instants that wait until runs before them have ended. */
  readonly queue: readonly number[];
  /** Runs that may be open, oldest first. */
  readonly open: readonly string[];
  readonly failure: ScheduleFailure | undefined;
  /** The latest, oldest first. */
  readonly firings: readonly Firing[];
  readonly counts: FiringCounts;
}

export interface Schedule {
  readonly id: string;
  readonly content: ScheduleContent;
  readonly progress: ScheduleProgress;
}
