/**
 * Runs: one narrow row that commits read and write, and what goes with it in a row of its own. A run is known by its number
 * everywhere else; this file turns names into numbers and back.
 */

import type { Page, PageRequest, RunDetails, RunFailure, RunFilter, RunRecord, RunState } from "../contract/run.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import { firstRows } from "./first-rows.ts";
import { RecentRun } from "./recent-rows.ts";
import { damaged, numberAt, plainTextAt } from "./row-values.ts";
import { listRuns } from "./run-list.ts";
import {
  countValues,
  detailValues,
  hasSameStatus,
  INSERT_DETAILS,
  INSERT_RUN,
  insertValues,
  RECORD_COLUMNS,
  RUN_COLUMNS,
  readName,
  readRecord,
  readState,
  statusValues,
  UPDATE_COUNTS,
  UPDATE_STATUS,
} from "./run-row.ts";
import type { Tables } from "./tables.ts";

/** The queries of the hot path; a test holds each to its index. */
export const RUN_QUERIES = {
  byName: `SELECT ${RUN_COLUMNS} FROM run WHERE ns = ? AND name = ?`,
  byKey: `SELECT run.name FROM run_detail JOIN run ON run.id = run_detail.run
    WHERE run_detail.ns = ? AND run_detail.workflow = ? AND run_detail.idempotency_key = ? AND run_detail.key_holder = 1`,
  expired: `SELECT name FROM run INDEXED BY run_by_timeout WHERE ns = ? AND timeout_at IS NOT NULL AND status < 2 AND timeout_at <= ? ORDER BY timeout_at, name`,
  finished:
    "SELECT name FROM run INDEXED BY run_by_finish WHERE ns = ? AND finished_at IS NOT NULL AND finished_at < ? ORDER BY finished_at, name",
} as const;

/** Tables whose rows belong to a run, by the run's number. */
const TABLES_OF_RUN = [
  "item",
  "payload",
  "branch_group",
  "arrival",
  "output",
  "delta",
  "snapshot",
  "memo",
  "progress",
  "entry",
  "failure",
  "metric",
  "log",
  "run_tag",
  "wait",
  "compensation",
  "run_detail",
] as const;

type RunMethods =
  | "runState"
  | "runRecord"
  | "runFailure"
  | "runIdByKey"
  | "insertRun"
  | "putRun"
  | "putRunFailure"
  | "putRunOutput"
  | "runs"
  | "expiredRuns"
  | "finishedRuns"
  | "removeRun";

export class Runs implements Pick<RowStore, RunMethods> {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** The run with its number, read only if it is not known from before. */
  find(runId: string): RecentRun | undefined {
    const { db, ns, ids, recent } = this.#tables;
    const known = recent.run(runId);
    if (known !== undefined) return known;
    const row = db.statement(RUN_QUERIES.byName).get(ns, toStoredText(runId));
    if (row === undefined) return undefined;
    return recent.keepRun(runId, new RecentRun(numberAt(row, 0), readState(row, ids)));
  }

  nameOf(number: number): string {
    const { db, recent } = this.#tables;
    const known = recent.name(number);
    if (known !== undefined) return known;
    const row = db.statement("SELECT name FROM run WHERE id = ?").get(number);
    if (row === undefined) throw damaged(`something of a run ${number} that does not exist`);
    const name = readName(row[0]);
    recent.keepName(number, name);
    return name;
  }

  runState(runId: string): RunState | undefined {
    return this.find(runId)?.state;
  }

  runRecord(runId: string): RunRecord | undefined {
    const { db, ns, ids } = this.#tables;
    const sql = `SELECT ${RECORD_COLUMNS} FROM run JOIN run_detail ON run_detail.run = run.id WHERE run.ns = ? AND run.name = ?`;
    const row = db.statement(sql).get(ns, toStoredText(runId));
    return row === undefined ? undefined : readRecord(row, ids);
  }

  runFailure(runId: string): RunFailure | undefined {
    const run = this.find(runId);
    if (run === undefined) return undefined;
    const row = this.#tables.db.statement("SELECT failure FROM run_detail WHERE run = ?").get(run.number);
    return row === undefined || row[0] === null ? undefined : fromStoredFailure(plainTextAt(row, 0));
  }

  runIdByKey(workflow: string, idempotencyKey: string): string | undefined {
    const { db, ns } = this.#tables;
    const row = db.statement(RUN_QUERIES.byKey).get(ns, toStoredText(workflow), toStoredText(idempotencyKey));
    return row === undefined ? undefined : readName(row[0]);
  }

  insertRun(state: RunState, details: RunDetails): void {
    const { db, ns, ids, recent } = this.#tables;
    const number = numberAt(db.statement(INSERT_RUN).get(...insertValues(ns, state, details.workflow, ids)) ?? [], 0);
    if (details.idempotencyKey !== undefined) {
      const free =
        "UPDATE run_detail SET key_holder = 0 WHERE ns = ? AND workflow = ? AND idempotency_key = ? AND key_holder = 1";
      db.statement(free).run(ns, toStoredText(details.workflow), toStoredText(details.idempotencyKey));
    }
    db.statement(INSERT_DETAILS).run(number, ns, ...detailValues(details));
    for (const [name, value] of Object.entries(details.tags)) {
      db.statement("INSERT INTO run_tag (ns, name, value, created_at, run_name, run) VALUES (?, ?, ?, ?, ?, ?)").run(
        ns,
        toStoredText(name),
        toStoredText(value),
        state.createdAt,
        toStoredText(state.id),
        number,
      );
    }
    recent.keepRun(state.id, new RecentRun(number, state));
  }

  putRun(state: RunState): void {
    const { db, ids } = this.#tables;
    const run = this.find(state.id);
    if (run === undefined) return;
    db.statement(UPDATE_COUNTS).run(...countValues(state, ids), run.number);
    if (!hasSameStatus(run.state, state)) db.statement(UPDATE_STATUS).run(...statusValues(state), run.number);
    run.state = state;
  }

  putRunFailure(runId: string, failure: RunFailure | undefined): void {
    const run = this.find(runId);
    if (run === undefined) return;
    const stored = failure === undefined ? null : toStoredFailure(failure);
    this.#tables.db.statement("UPDATE run_detail SET failure = ? WHERE run = ?").run(stored, run.number);
  }

  putRunOutput(runId: string, output: Uint8Array): void {
    const run = this.find(runId);
    if (run === undefined) return;
    this.#tables.db.statement("UPDATE run_detail SET output = ? WHERE run = ?").run(output, run.number);
  }

  runs(filter: RunFilter, page: PageRequest): Page<RunRecord> {
    return listRuns(this.#tables, filter, page);
  }

  expiredRuns(now: number, limit: number): readonly RunState[] {
    const { db, ns } = this.#tables;
    const rows = firstRows(db, RUN_QUERIES.expired, limit, ns, now);
    return rows.flatMap((row) => this.runState(readName(row[0])) ?? []);
  }

  finishedRuns(before: number, limit: number): readonly string[] {
    const { db, ns } = this.#tables;
    return firstRows(db, RUN_QUERIES.finished, limit, ns, before).map((row) => readName(row[0]));
  }

  removeRun(runId: string): void {
    const { db, ns, recent } = this.#tables;
    const run = this.find(runId);
    if (run === undefined) return;
    db.statement("DELETE FROM entry_place WHERE entry IN (SELECT id FROM entry WHERE run = ?)").run(run.number);
    for (const table of TABLES_OF_RUN) db.statement(`DELETE FROM ${table} WHERE run = ?`).run(run.number);
    db.statement("DELETE FROM audit WHERE ns = ? AND run = ?").run(ns, toStoredText(runId));
    db.statement("DELETE FROM run WHERE id = ?").run(run.number);
    recent.removeRun(runId);
  }
}
