/**
 * Writes of runs: their rows, and the indexes that they are found by. What is in which index follows from the row alone, so
 * that a row's old and new version tell what changes.
 */

import { isTerminalRun, type RunStatus } from "../../core/status.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { Changes } from "../remote/changes.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { keyText, type PartitionKeys, RUN_FIELDS } from "./keys.ts";
import { writeDetails, writeFailure, writeState } from "./run-row.ts";
import { bytesArgument, type Writing } from "./writing.ts";

export function writeRuns(changes: Changes, writing: Writing): void {
  const { list, keys } = writing;
  for (const { state, details } of changes.insertedRuns) insertRun(state, details, writing);
  for (const { state, before } of changes.updatedRuns) updateRun(state, before, writing);
  for (const { runId, failure } of changes.runFailures) {
    const stored = failure === undefined ? undefined : writeFailure(failure);
    list.field(keys.run(runId), RUN_FIELDS.failure, stored);
  }
  for (const { runId, output } of changes.runOutputs) {
    list.field(keys.run(runId), RUN_FIELDS.output, bytesArgument(output));
  }
}

function insertRun(state: RunState, details: RunDetails, writing: Writing): void {
  const { list, keys, rows } = writing;
  const key = keys.run(state.id);
  if (!writing.removed.has(state.id)) list.expectVersion(key, RUN_FIELDS.state, undefined);
  writeRow(state, writing);
  list.field(key, RUN_FIELDS.details, writeDetails(details));
  list.field(key, RUN_FIELDS.input, bytesArgument(details.input));
  if (details.output !== undefined) list.field(key, RUN_FIELDS.output, bytesArgument(details.output));
  if (details.failure !== undefined) list.field(key, RUN_FIELDS.failure, writeFailure(details.failure));
  const member = keyText(state.id);
  list.place(keys.ids, member, 0);
  for (const index of indexesOf(state, details, keys)) list.place(index, member, state.createdAt);
  placeByTime(state, undefined, writing);
  const { workflow, idempotencyKey } = details;
  if (idempotencyKey === undefined || writing.keysElsewhere) return;
  const held = keys.byKey(workflow, idempotencyKey);
  if (rows.runIds.has(held)) list.expectValue(held, rows.runIds.get(held));
  list.value(held, state.id);
}

function updateRun(state: RunState, before: RunState, writing: Writing): void {
  const { list, keys, rows } = writing;
  list.expectVersion(keys.run(state.id), RUN_FIELDS.state, rows.runs.get(state.id)?.version);
  writeRow(state, writing);
  if (state.status !== before.status) {
    const member = keyText(state.id);
    list.displace(keys.byStatus(RUN_STATUS.encode(before.status)), member);
    list.place(keys.byStatus(RUN_STATUS.encode(state.status)), member, state.createdAt);
  }
  placeByTime(state, before, writing);
}

function writeRow(state: RunState, { list, keys, version, written }: Writing): void {
  list.field(keys.run(state.id), RUN_FIELDS.state, writeState(state, version));
  written.runs.push(state);
}

/** Indexes in the order of creation. */
export function indexesOf(
  { status }: Pick<RunState, "status">,
  { workflow, tags }: Pick<RunDetails, "workflow" | "tags">,
  keys: PartitionKeys,
): readonly string[] {
  return [
    keys.runs,
    keys.byStatus(RUN_STATUS.encode(status)),
    keys.byWorkflow(workflow),
    ...Object.entries(tags).map(([name, value]) => keys.byTag(name, value)),
  ];
}

function placeByTime(state: RunState, before: RunState | undefined, { list, keys }: Writing): void {
  const member = keyText(state.id);
  const move = (key: string, from: number | undefined, to: number | undefined): void => {
    if (from === to) return;
    if (to === undefined) list.displace(key, member);
    else list.place(key, member, to);
  };
  move(keys.timeouts, before && timeoutOf(before), timeoutOf(state));
  move(keys.finished, before && finishOf(before), finishOf(state));
}

function timeoutOf({ status, timeoutAt }: RunState): number | undefined {
  return isClaimable(status) ? timeoutAt : undefined;
}

function isClaimable(status: RunStatus): boolean {
  return status === "running" || status === "waiting";
}

function finishOf({ status, finishedAt }: RunState): number | undefined {
  return isTerminalRun(status) ? finishedAt : undefined;
}
