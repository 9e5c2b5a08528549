/** A run as a row, and back: the hot counters in `run`, what no commit decides by in `run_detail`. */

import { digest } from "../../core/digest.ts";
import type { RunDetails, RunRecord, RunState } from "../contract/run.ts";
import { COMPLETION, RUN_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { parseStored, toStoredText } from "../sql/stored-text.ts";
import type { SqlRow } from "./driver.ts";
import type { Cell, Columns } from "./parameters.ts";
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

/** Columns that change, in the order of `changingCells`. */
export const CHANGING: Columns = [
  ["sequence", "integer"],
  ["commits", "integer"],
  ["items", "integer"],
  ["open", "integer"],
  ["parked", "integer"],
  ["held", "integer"],
  ["outputs", "integer"],
  ["completed", "integer"],
  ["failed", "integer"],
  ["retried", "integer"],
  ["conflicts", "integer"],
  ["field_sequences", "text"],
  ["affinity", "text"],
  ["links", "smallint"],
  ["status", "smallint"],
  ["generation", "integer"],
  ["max_items", "double precision"],
  ["timeout_at", "double precision"],
  ["wake_at", "double precision"],
  ["status_at", "double precision"],
  ["finished_at", "double precision"],
];

/** Columns that stay, in the order of `stayingCells`. */
export const STAYING: Columns = [
  ["id", "bigint"],
  ["name", "text"],
  ["workflow", "text"],
  ["definition", "text"],
  ["completion", "smallint"],
  ["priority", "double precision"],
  ["created_at", "double precision"],
];

const READ = [
  ...["id", "name", "definition", "completion", "priority", "created_at", "status", "generation", "max_items"],
  ...["timeout_at", "status_at", "finished_at", "sequence", "commits", "items", "open", "parked", "held", "outputs"],
  ...["completed", "failed", "retried", "conflicts", "field_sequences", "affinity", "links", "xmin", "ctid"],
];

export const RUN_COLUMNS: string = READ.map((column) => `run.${column}`).join(", ");

/** The same, where a condition does not hold without what follows the name; `readRunRow` must not be given such a row. */
export function runColumnsIf(condition: string, always: readonly string[]): string {
  const kept = new Set(["id", "name", "xmin", "ctid", ...always]);
  const columns = READ.map((column) =>
    kept.has(column) ? `run.${column}` : `CASE WHEN ${condition} THEN run.${column} END AS ${column}`,
  );
  return columns.join(", ");
}

/** What a claim needs of a run. */
export const CLAIM_COLUMNS = ["definition", "priority", "created_at", "status", "generation", "sequence", "affinity"];
const VERSION_AT = READ.indexOf("xmin");
const PLACE_AT = READ.indexOf("ctid");

/** `now`: the instant of writing. */
export function changingCells(state: RunState, now: number): Cell[] {
  const { timeoutAt } = state;
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
    state.affinity === undefined ? null : toStoredText(state.affinity),
    state.links ?? 0,
    RUN_STATUS.encode(state.status),
    state.generation,
    state.maxItems,
    timeoutAt ?? null,
    timeoutAt === undefined ? null : Math.max(timeoutAt, now),
    state.statusAt,
    state.finishedAt ?? null,
  ];
}

export function stayingCells(id: number, state: RunState, workflow: string): Cell[] {
  return [
    id,
    toStoredText(state.id),
    toStoredText(workflow),
    toStoredText(state.definition),
    COMPLETION.encode(state.completion),
    state.priority,
    state.createdAt,
  ];
}

/** Whether the row has all of its columns. */
export function isWhole(row: SqlRow): boolean {
  return row[8] !== null;
}

/** Number, version and place of a row that has perhaps nothing else. */
export function readRunPlace(row: SqlRow): Pick<RunRow, "id" | "version" | "place"> & { readonly runId: string } {
  const [version, place] = [plainTextAt(row, VERSION_AT), plainTextAt(row, PLACE_AT)];
  return { id: numberAt(row, 0), runId: textAt(row, 1), version, place };
}

/** A run with only what a claim needs of it: nobody may write it. */
export function readClaimedRun(row: SqlRow): RunRow {
  const { id, runId, version, place } = readRunPlace(row);
  const state: RunState = {
    ...UNREAD,
    id: runId,
    definition: textAt(row, 2),
    priority: numberAt(row, 4),
    createdAt: numberAt(row, 5),
    status: RUN_STATUS.decode(row[6]),
    generation: numberAt(row, 7),
    sequence: numberAt(row, 12),
    affinity: optionalTextAt(row, 24),
  };
  return { id, version, place, state };
}

const UNREAD = {
  commits: 0,
  items: 0,
  open: 0,
  parked: 0,
  held: 0,
  outputs: 0,
  completed: 0,
  failed: 0,
  retried: 0,
  conflicts: 0,
  completion: "single",
  maxItems: 0,
  timeoutAt: undefined,
  statusAt: 0,
  finishedAt: undefined,
  fieldSequences: [],
} as const;

/** A run as it is in the store, and which version of it. */
export interface RunRow {
  readonly id: number;
  readonly state: RunState;
  readonly version: string;
  /** Where it lies in the table. */
  readonly place: string;
}

export function readRunRow(row: SqlRow): RunRow {
  const { id, version, place } = readRunPlace(row);
  return { id, state: readState(row), version, place };
}

export function readState(row: SqlRow): RunState {
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
    affinity: optionalTextAt(row, 24),
    ...(links === 0 ? {} : { links }),
  };
}

/** Columns of `run_detail`, in the order of `detailCells`. */
export const DETAILS: Columns = [
  ["run", "bigint"],
  ["version", "text"],
  ["input", "bytea"],
  ["output", "bytea"],
  ["failure", "text"],
  ["tags", "text"],
  ["idempotency_key", "text"],
  ["input_digest", "text"],
  ["parent_run", "text"],
  ["parent_item", "integer"],
  ["key_digest", "text"],
  ["key_holder", "boolean"],
];

const READ_DETAILS = [
  ...["run.workflow", "run_detail.version", "run_detail.input", "run_detail.output", "run_detail.failure"],
  ...["run_detail.tags", "run_detail.idempotency_key", "run_detail.input_digest", "run_detail.parent_run"],
  "run_detail.parent_item",
];

export const DETAIL_COLUMNS: string = READ_DETAILS.join(", ");
/** A run and its details in one row. */
export const RECORD_COLUMNS = `${RUN_COLUMNS}, ${DETAIL_COLUMNS}`;
const DETAILS_AT = READ.length;

/** `holdsKey`: whether its idempotency key, if it has one, stands for this run. */
export function detailCells(run: number, details: RunDetails, holdsKey: boolean): Cell[] {
  const { idempotencyKey, failure, parent } = details;
  return [
    run,
    toStoredText(details.version),
    details.input,
    details.output ?? null,
    failure === undefined ? null : toStoredFailure(failure),
    JSON.stringify(details.tags),
    idempotencyKey === undefined ? null : toStoredText(idempotencyKey),
    toStoredText(details.inputDigest),
    parent === undefined ? null : toStoredText(parent.runId),
    parent?.item ?? null,
    idempotencyKey === undefined ? null : keyDigest(details.workflow, idempotencyKey),
    holdsKey,
  ];
}

export function readRecord(row: SqlRow): RunRecord {
  return { ...readState(row), ...readDetails(row, DETAILS_AT) };
}

/** `at`: the first of the columns. */
export function readDetails(row: SqlRow, at: number): RunDetails {
  const parentRun = optionalTextAt(row, at + 8);
  return {
    workflow: textAt(row, at),
    version: textAt(row, at + 1),
    input: bytesAt(row, at + 2),
    output: optionalBytesAt(row, at + 3),
    failure: row[at + 4] === null ? undefined : fromStoredFailure(plainTextAt(row, at + 4)),
    tags: readTags(objectAt(row, at + 5)),
    idempotencyKey: optionalTextAt(row, at + 6),
    inputDigest: textAt(row, at + 7),
    parent: parentRun === undefined ? undefined : { runId: parentRun, item: numberAt(row, at + 9) },
  };
}

/** What stands for a workflow and a key, whatever their length. */
export function keyDigest(workflow: string, idempotencyKey: string): string {
  return digest(JSON.stringify([workflow, idempotencyKey]));
}

/** What stands for a tag, whatever its length. */
export function tagDigest(name: string, value: string): string {
  return digest(JSON.stringify([name, value]));
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
