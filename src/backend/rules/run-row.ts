/** The run row's own life: how it begins, closes, and times out. */

import type { RunStatus } from "../../core/status.ts";
import type { DeltaRecord } from "../contract/records.ts";
import type { RunDetails, RunFailure, RunState, StartRun } from "../contract/run.ts";
import type { ItemPayload, WorkItem } from "../contract/work-item.ts";
import { freshItem } from "./item-row.ts";

/** Bits of `RunState.links`. */
export const LINK = { parent: 1, children: 2 } as const;

/** The rows of a run that starts now. */
export interface StartEffect {
  readonly run: RunState;
  readonly details: RunDetails;
  readonly item: WorkItem;
  readonly payload: ItemPayload;
  readonly delta: DeltaRecord | undefined;
}

export function decideStart(start: StartRun, now: number): StartEffect {
  const delayMs = Math.max(start.first.delayMs, start.startAt === undefined ? 0 : start.startAt - now);
  const place = { from: undefined, group: undefined, joins: undefined, index: 0, path: "" };
  const item = freshItem(start.id, 0, { ...start.first, delayMs }, place, now);
  const bare: RunState = {
    id: start.id,
    definition: start.definition,
    status: "running",
    generation: 0,
    sequence: 0,
    commits: 0,
    items: 1,
    open: 1,
    parked: 0,
    held: 0,
    outputs: 0,
    completed: 0,
    failed: 0,
    retried: 0,
    conflicts: 0,
    completion: start.completion,
    maxItems: start.maxItems,
    priority: start.priority,
    timeoutAt: start.timeoutMs === undefined ? undefined : now + start.timeoutMs,
    createdAt: now,
    statusAt: now,
    finishedAt: undefined,
    fieldSequences: [],
    affinity: undefined,
    ...(start.parent === undefined ? {} : { links: LINK.parent }),
  };
  const run = start.delta === undefined ? bare : appendSequence(bare, start.delta.writes);
  const { workflow, version, input, inputDigest, tags, idempotencyKey, parent } = start;
  return {
    run,
    details: {
      workflow,
      version,
      input,
      output: undefined,
      failure: undefined,
      tags,
      idempotencyKey,
      inputDigest,
      parent,
    },
    item,
    payload: { input: start.first.input, failure: start.first.failure },
    delta: start.delta && { sequence: 1, item: start.id, epoch: 0, at: now, delta: start.delta.bytes },
  };
}

/** Closing writes the run alone: items keep their rows, and the generation makes their commits stale. */
export function closeRun(
  run: RunState,
  status: Extract<RunStatus, "completed" | "failed" | "cancelled">,
  now: number,
): RunState {
  return { ...run, status, generation: run.generation + 1, statusAt: now, finishedAt: now };
}

/** What a run whose own timeout is due becomes. */
export function expireRun(run: RunState, now: number): { readonly run: RunState; readonly failure: RunFailure } {
  const message = `the run did not finish within its timeout of ${(run.timeoutAt ?? now) - run.createdAt} ms`;
  return { run: closeRun(run, "failed", now), failure: { code: "TIMEOUT", message } };
}

/** The run's timeout counts while it is running or waiting; a paused run is timed out when it is resumed. */
export function isRunExpired(run: RunState, now: number): boolean {
  return run.timeoutAt !== undefined && run.timeoutAt <= now && (run.status === "running" || run.status === "waiting");
}

/** The run after a delta that wrote these fields. */
export function appendSequence(run: RunState, writes: readonly number[]): RunState {
  const sequence = run.sequence + 1;
  if (writes.length === 0) return { ...run, sequence };
  const fieldSequences = [...run.fieldSequences];
  for (const field of writes) {
    while (fieldSequences.length < field) fieldSequences.push(0);
    fieldSequences[field] = sequence;
  }
  return { ...run, sequence, fieldSequences };
}
