/** A run as a row, and back: the hot counters in `run`, what no commit decides by in `run_detail`. */

import type { RunDetails, RunRecord, RunState } from "../contract/run.ts";
import { COMPLETION, RUN_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { fromStoredText, parseStored, toStoredText } from "../sql/stored-text.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import type { Identities } from "./identities.ts";
import {
  bytesAt,
  damaged,
  numberAt,
  objectAt,
  optionalBytesAt,
  optionalNumberAt,
  optionalTextAt,
  plainTextAt,
  textAt,
} from "./row-values.ts";

/** Columns that commits change; no index knows of them. In the order of `countValues`. */
const COUNTS = [
  "sequence",
  "commits",
  "items",
  "open",
  "parked",
  "held",
  "outputs",
  "completed",
  "failed",
  "retried",
  "conflicts",
  "field_sequences",
  "affinity",
  "links",
] as const;

/** Columns that change when a run's status or limits do. In the order of `statusValues`. */
const STATUS = ["status", "generation", "max_items", "timeout_at", "status_at", "finished_at"] as const;

/** Columns that stay. */
const STAYING = ["ns", "name", "workflow", "definition", "completion", "priority", "created_at"] as const;

const READ = ["id", "name", "definition", "completion", "priority", "created_at", ...STATUS, ...COUNTS] as const;

export const RUN_COLUMNS: string = READ.map((column) => `run.${column}`).join(", ");

const INSERTED = [...STAYING, ...STATUS, ...COUNTS];
export const INSERT_RUN = `INSERT INTO run (${INSERTED.join(", ")}) VALUES (${INSERTED.map(() => "?").join(", ")}) RETURNING id`;
export const UPDATE_COUNTS = `UPDATE run SET ${COUNTS.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`;
export const UPDATE_STATUS = `UPDATE run SET ${STATUS.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`;

export function countValues(state: RunState, ids: Identities): SqlValue[] {
  return [
    state.sequence,
    state.commits,
    state.items,
    state.open,
    state.parked,
    state.held,
    state.outputs,
    state.completed,
    state.failed,
    state.retried,
    state.conflicts,
    state.fieldSequences.length === 0 ? "[]" : `[${state.fieldSequences.join(",")}]`,
    state.affinity === undefined ? null : ids.sessionFor(state.affinity),
    state.links ?? 0,
  ];
}

export function statusValues(state: RunState): SqlValue[] {
  const { generation, maxItems, timeoutAt, statusAt, finishedAt } = state;
  return [RUN_STATUS.encode(state.status), generation, maxItems, timeoutAt ?? null, statusAt, finishedAt ?? null];
}

/** Whether `statusValues` of the two are equal, so that the columns which indexes know of need no update. */
export function hasSameStatus(a: RunState, b: RunState): boolean {
  return (
    a.status === b.status &&
    a.generation === b.generation &&
    a.maxItems === b.maxItems &&
    a.timeoutAt === b.timeoutAt &&
    a.statusAt === b.statusAt &&
    a.finishedAt === b.finishedAt
  );
}

export function insertValues(ns: number, state: RunState, workflow: string, ids: Identities): SqlValue[] {
  const staying = [
    ns,
    toStoredText(state.id),
    toStoredText(workflow),
    toStoredText(state.definition),
    COMPLETION.encode(state.completion),
    state.priority,
    state.createdAt,
  ];
  return [...staying, ...statusValues(state), ...countValues(state, ids)];
}

export function readState(row: SqlRow, ids: Identities): RunState {
  const affinity = optionalNumberAt(row, 24);
  const links = numberAt(row, 25);
  return {
    id: textAt(row, 1),
    definition: textAt(row, 2),
    status: RUN_STATUS.decode(row[6]),
    generation: numberAt(row, 7),
    sequence: numberAt(row, 12),
    commits: numberAt(row, 13),
    items: numberAt(row, 14),
    open: numberAt(row, 15),
    parked: numberAt(row, 16),
    held: numberAt(row, 17),
    outputs: numberAt(row, 18),
    completed: numberAt(row, 19),
    failed: numberAt(row, 20),
    retried: numberAt(row, 21),
    conflicts: numberAt(row, 22),
    completion: COMPLETION.decode(row[3]),
    maxItems: numberAt(row, 8),
    priority: numberAt(row, 4),
    timeoutAt: optionalNumberAt(row, 9),
    createdAt: numberAt(row, 5),
    statusAt: numberAt(row, 10),
    finishedAt: optionalNumberAt(row, 11),
    fieldSequences: numbersOf(plainTextAt(row, 23)),
    affinity: affinity === undefined ? undefined : ids.sessionName(affinity),
    ...(links === 0 ? {} : { links }),
  };
}

/** Columns of `run_detail`, in the order of `readDetails`. */
const DETAILS = [
  "workflow",
  "version",
  "input",
  "output",
  "failure",
  "tags",
  "idempotency_key",
  "input_digest",
  "parent_run",
  "parent_item",
  "key_holder",
] as const;

/** A run and its details in one row. */
export const RECORD_COLUMNS: string = [RUN_COLUMNS, ...DETAILS.map((column) => `run_detail.${column}`)].join(", ");
export const INSERT_DETAILS = `INSERT INTO run_detail (run, ns, ${DETAILS.join(", ")}) VALUES (?, ?, ${DETAILS.map(() => "?").join(", ")})`;

export function detailValues(details: RunDetails): SqlValue[] {
  return [
    toStoredText(details.workflow),
    toStoredText(details.version),
    details.input,
    details.output ?? null,
    details.failure === undefined ? null : toStoredFailure(details.failure),
    toStoredTags(details.tags),
    details.idempotencyKey === undefined ? null : toStoredText(details.idempotencyKey),
    toStoredText(details.inputDigest),
    details.parent === undefined ? null : toStoredText(details.parent.runId),
    details.parent?.item ?? null,
    details.idempotencyKey === undefined ? 0 : 1,
  ];
}

export function readRecord(row: SqlRow, ids: Identities): RunRecord {
  const at = READ.length;
  const failure = row[at + 4] === null ? undefined : fromStoredFailure(plainTextAt(row, at + 4));
  const parentRun = optionalTextAt(row, at + 8);
  return {
    ...readState(row, ids),
    workflow: textAt(row, at),
    version: textAt(row, at + 1),
    input: bytesAt(row, at + 2),
    output: optionalBytesAt(row, at + 3),
    failure,
    tags: readTags(objectAt(row, at + 5)),
    idempotencyKey: optionalTextAt(row, at + 6),
    inputDigest: textAt(row, at + 7),
    parent: parentRun === undefined ? undefined : { runId: parentRun, item: numberAt(row, at + 9) },
  };
}

function toStoredTags(tags: RunDetails["tags"]): string {
  return JSON.stringify(tags);
}

function readTags(stored: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  for (const [name, value] of Object.entries(stored)) {
    if (typeof value !== "string") throw damaged("a run whose tags are not text");
    // Also a tag named "__proto__" is nothing but a tag.
    Object.defineProperty(tags, name, { value, enumerable: true, writable: true, configurable: true });
  }
  return tags;
}

function numbersOf(stored: string): readonly number[] {
  if (stored === "[]") return NO_NUMBERS;
  const list = parseStored(stored);
  if (!Array.isArray(list) || !list.every((entry) => typeof entry === "number"))
    throw damaged("a run whose sequences are not numbers");
  return list;
}

const NO_NUMBERS: readonly number[] = Object.freeze([]);

/** The name of a run in a row that has nothing else. */
export function readName(stored: SqlValue | undefined): string {
  if (typeof stored !== "string") throw damaged("a run without a name");
  return fromStoredText(stored);
}
