/**
 * What is only ever added to a run, as rows, and back: groups, arrivals, outputs, deltas, failures, metrics, log lines,
 * audit entries, progress. A row with bytes has its JSON on a line of its own before them.
 */

import { Buffer } from "node:buffer";
import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { LogLine } from "../contract/commit.ts";
import type { AuditEntry } from "../contract/control.ts";
import type {
  DefinitionRecord,
  DeltaRecord,
  FailureEntry,
  LogEntry,
  MetricEntry,
  OutputRecord,
  ProgressRecord,
} from "../contract/records.ts";
import type { Arrival, BranchGroup, JoinTemplate } from "../contract/work-item.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { ownBytes } from "./item-row.ts";
import { numberText } from "./keys.ts";
import { damaged } from "./reply.ts";
import { VERSION_LENGTH } from "./row-version.ts";
import {
  listAt,
  numberAt,
  optionalNumberAt,
  optionalTextAt,
  readList,
  type StoredList,
  textAt,
  textsAt,
} from "./stored-list.ts";

const NEW_LINE = 0x0a;
const SPACE = 0x20;
const OUTCOMES: readonly FailureEntry["outcome"][] = ["retried", "failedOver", "failed", "stalled"];
const LEVELS: readonly LogLine["level"][] = ["debug", "info", "warn", "error"];
const ACTIONS: Readonly<Record<AuditEntry["action"], true>> = {
  cancel: true,
  pause: true,
  resume: true,
  retryItem: true,
  complete: true,
  fail: true,
  enqueue: true,
  merge: true,
  setAttempts: true,
  completeWait: true,
  delete: true,
};

export function writeGroup(group: BranchGroup): string {
  const { fanOut, parent, index, path, depth, open, joins, arrived, done } = group;
  const templates = joins.map(({ node, queue, labels, keys, priority, timeoutMs, deadlineMs }) => [
    node,
    queue,
    labels,
    keys,
    priority,
    timeoutMs,
    deadlineMs,
  ]);
  const around = parent === undefined ? "" : numberText(parent);
  const list = [fanOut, parent, index, path, depth, open, templates, Object.entries(arrived), done ? 1 : 0];
  return `${around} ${JSON.stringify(list)}`;
}

export function readGroup(runId: string, group: number, stored: Buffer): BranchGroup {
  const list = readList(stored.toString("utf8", stored.indexOf(SPACE) + 1), "a group");
  const arrived: Record<string, number> = {};
  for (const [node, count] of pairsAt(list, 7)) {
    Object.defineProperty(arrived, node, { value: count, enumerable: true, writable: true, configurable: true });
  }
  return {
    runId,
    group,
    fanOut: textAt(list, 0),
    parent: optionalNumberAt(list, 1),
    index: numberAt(list, 2),
    path: textAt(list, 3),
    depth: numberAt(list, 4),
    open: numberAt(list, 5),
    joins: listAt(list, 6).map((_, at) => readTemplate(listAt(listAt(list, 6), at))),
    arrived,
    done: numberAt(list, 8) === 1,
  };
}

function readTemplate(list: StoredList): JoinTemplate {
  const deadlineMs = optionalNumberAt(list, 6);
  return {
    node: textAt(list, 0),
    queue: textAt(list, 1),
    labels: textsAt(list, 2),
    keys: textsAt(list, 3),
    priority: numberAt(list, 4),
    timeoutMs: numberAt(list, 5),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  };
}

function* pairsAt(list: StoredList, at: number): Generator<readonly [string, number], undefined> {
  const pairs = listAt(list, at);
  for (let index = 0; index < pairs.length; index += 1) {
    const pair = listAt(pairs, index);
    yield [textAt(pair, 0), numberAt(pair, 1)];
  }
}

export function writeArrival({ from, node, path, commit, index, value }: Arrival): Buffer {
  return framed([from, node, path, commit, index], value);
}

export function readArrival(place: Pick<Arrival, "runId" | "group" | "join">, stored: Buffer): Arrival {
  const { list, bytes } = unframed(stored, "an arrival");
  return {
    ...place,
    from: numberAt(list, 0),
    node: textAt(list, 1),
    path: textAt(list, 2),
    commit: numberAt(list, 3),
    index: numberAt(list, 4),
    value: bytes,
  };
}

export function writeOutput({ from, path, commit, index, value }: OutputRecord): Buffer {
  return framed([from, path, commit, index], value);
}

export function readOutput(stored: Buffer): OutputRecord {
  const { list, bytes } = unframed(stored, "an output");
  return {
    from: numberAt(list, 0),
    path: textAt(list, 1),
    commit: numberAt(list, 2),
    index: numberAt(list, 3),
    value: bytes,
  };
}

export function writeDelta({ item, epoch, at, delta }: DeltaRecord): Buffer {
  return framed([item, epoch, at], delta);
}

export function readDelta(sequence: number, stored: Buffer): DeltaRecord {
  const { list, bytes } = unframed(stored, "a delta");
  return { sequence, item: textAt(list, 0), epoch: numberAt(list, 1), at: numberAt(list, 2), delta: bytes };
}

export function writeProgress({ epoch, at, details }: ProgressRecord): Buffer {
  return framed([epoch, at], details);
}

export function readProgress(item: number, stored: Buffer): ProgressRecord {
  const { list, bytes } = unframed(stored, "the progress of an item");
  return { item, epoch: numberAt(list, 0), at: numberAt(list, 1), details: bytes };
}

export function writeFailureEntry(entry: FailureEntry): string {
  const { item, node, attempt, epoch, failure, outcome, workerId, at } = entry;
  return JSON.stringify([
    item,
    node,
    attempt,
    epoch,
    toStoredFailure(failure),
    OUTCOMES.indexOf(outcome),
    workerId,
    at,
  ]);
}

/** `place` is that in the list of all runs' failures, which the script put before the row. */
export function readFailureEntry(
  runId: string,
  stored: Buffer,
): { readonly entry: FailureEntry; readonly place: string } {
  const space = stored.indexOf(SPACE);
  const list = readList(stored.toString("utf8", space + 1), "a failure");
  const outcome = OUTCOMES[numberAt(list, 5)];
  if (outcome === undefined) throw damaged("a failure with an unknown outcome");
  const entry = {
    runId,
    item: numberAt(list, 0),
    node: textAt(list, 1),
    attempt: numberAt(list, 2),
    epoch: numberAt(list, 3),
    failure: fromStoredFailure(textAt(list, 4)),
    outcome,
    workerId: textAt(list, 6),
    at: numberAt(list, 7),
  };
  return { entry, place: stored.toString("latin1", 0, space) };
}

export function writeMetric({ item, node, name, value, at }: MetricEntry): string {
  // JSON has neither infinity nor minus zero.
  const isPlain = Number.isFinite(value) && !Object.is(value, -0);
  return JSON.stringify([item, node, name, isPlain ? value : Object.is(value, -0) ? "-0" : String(value), at]);
}

export function readMetric(runId: string, stored: Buffer): MetricEntry {
  const list = readList(stored.toString("utf8"), "a metric");
  const value = typeof list[3] === "string" ? Number(list[3]) : numberAt(list, 3);
  return { runId, item: numberAt(list, 0), node: textAt(list, 1), name: textAt(list, 2), value, at: numberAt(list, 4) };
}

export function writeLog(item: number, attempt: number, { at, level, message, data }: LogLine): string {
  return JSON.stringify([item, attempt, at, LEVELS.indexOf(level), message, data]);
}

export function readLog(runId: string, stored: Buffer): LogEntry {
  const list = readList(stored.toString("utf8"), "a log line");
  const level = LEVELS[numberAt(list, 3)];
  if (level === undefined) throw damaged("a log line of an unknown level");
  const data = optionalTextAt(list, 5);
  return {
    runId,
    item: numberAt(list, 0),
    attempt: numberAt(list, 1),
    at: numberAt(list, 2),
    level,
    message: textAt(list, 4),
    ...(data === undefined ? {} : { data }),
  };
}

export function writeAudit({ at, action, actor, detail, item }: AuditEntry): string {
  return JSON.stringify([at, action, actor, detail, item]);
}

export function readAudit(runId: string, stored: Buffer): AuditEntry {
  const list = readList(stored.toString("utf8"), "an audit entry");
  const action = textAt(list, 1);
  if (!isAction(action)) throw damaged("an audit entry of an unknown action");
  return {
    runId,
    at: numberAt(list, 0),
    action,
    actor: optionalTextAt(list, 2),
    detail: textAt(list, 3),
    item: optionalNumberAt(list, 4),
  };
}

function isAction(text: string): text is AuditEntry["action"] {
  return Object.hasOwn(ACTIONS, text);
}

export function writeDefinition({ hash, name, version, json, publishedAt }: DefinitionRecord): string {
  return JSON.stringify([hash, name, version, json, publishedAt]);
}

export function readDefinition(stored: Buffer): DefinitionRecord {
  const list = readList(stored.toString("utf8"), "a definition");
  return {
    hash: textAt(list, 0),
    name: textAt(list, 1),
    version: textAt(list, 2),
    json: textAt(list, 3),
    publishedAt: numberAt(list, 4),
  };
}

/** A checkpoint's record with where its body lies: the key, and in how many parts. */
export interface CheckpointRow extends CheckpointRecord {
  readonly body: string;
  readonly parts: number;
}

export function writeCheckpoint(row: CheckpointRow, rowVersion: string): string {
  const { id, version, status, savedAt, bytes, body, parts } = row;
  return `${rowVersion}${JSON.stringify([id, version, RUN_STATUS.encode(status), savedAt, bytes, body, parts])}`;
}

export function readCheckpoint(stored: Buffer): CheckpointRow {
  const list = readList(stored.toString("utf8", VERSION_LENGTH), "a checkpoint");
  return {
    id: textAt(list, 0),
    version: numberAt(list, 1),
    status: RUN_STATUS.decode(list[2]),
    savedAt: numberAt(list, 3),
    bytes: numberAt(list, 4),
    body: textAt(list, 5),
    parts: numberAt(list, 6),
  };
}

function framed(list: StoredList, bytes: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(list)}\n`, "utf8"), bytes]);
}

function unframed(stored: Buffer, what: string): { readonly list: StoredList; readonly bytes: Uint8Array } {
  const end = stored.indexOf(NEW_LINE);
  if (end < 0) throw damaged(`${what} without a row`);
  return { list: readList(stored.toString("utf8", 0, end), what), bytes: ownBytes(stored, end + 1) };
}
