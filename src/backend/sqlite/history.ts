/** What happened: failed attempts, metrics, logs, and what operators did. Only ever appended to, read oldest first. */

import type { LogLine } from "../contract/commit.ts";
import type { AuditEntry } from "../contract/control.ts";
import type { FailureEntry, LogEntry, MetricEntry } from "../contract/records.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { damaged, numberAt, optionalNumberAt, optionalTextAt, plainTextAt, textAt } from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

type HistoryMethods =
  | "insertFailure"
  | "failures"
  | "insertMetric"
  | "metrics"
  | "insertLog"
  | "logs"
  | "insertAudit"
  | "audit";

interface Query {
  readonly list: string;
  readonly table: string;
  readonly columns: string;
  readonly where: readonly string[];
  readonly values: readonly SqlValue[];
}

export class History implements Pick<RowStore, HistoryMethods> {
  readonly #tables: Tables;
  readonly #runs: Runs;

  constructor(tables: Tables, runs: Runs) {
    this.#tables = tables;
    this.#runs = runs;
  }

  insertFailure(entry: FailureEntry): void {
    const run = this.#runs.find(entry.runId);
    if (run === undefined) return;
    const sql = `INSERT INTO failure (ns, run, item, node, attempt, epoch, failure, outcome, worker, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    const { item, node, attempt, epoch, failure, outcome, workerId, at } = entry;
    this.#tables.db
      .statement(sql)
      .run(
        this.#tables.ns,
        run.number,
        item,
        toStoredText(node),
        attempt,
        epoch,
        toStoredFailure(failure),
        outcome,
        toStoredText(workerId),
        at,
      );
  }

  failures(
    filter: { readonly runId?: string | undefined; readonly item?: number | undefined },
    page: PageRequest,
  ): Page<FailureEntry> {
    const where: string[] = [];
    const values: SqlValue[] = [];
    if (filter.runId === undefined) {
      where.push("ns = ?");
      values.push(this.#tables.ns);
    } else {
      where.push("run = ?");
      values.push(this.#runs.find(filter.runId)?.number ?? NO_RUN);
    }
    if (filter.item !== undefined) {
      where.push("item = ?");
      values.push(filter.item);
    }
    const columns = "run, item, node, attempt, epoch, failure, outcome, worker, at";
    return this.#list(page, { list: "failures", table: "failure", columns, where, values }, (row) => ({
      runId: this.#runs.nameOf(numberAt(row, 1)),
      item: numberAt(row, 2),
      node: textAt(row, 3),
      attempt: numberAt(row, 4),
      epoch: numberAt(row, 5),
      failure: fromStoredFailure(plainTextAt(row, 6)),
      outcome: readOutcome(plainTextAt(row, 7)),
      workerId: textAt(row, 8),
      at: numberAt(row, 9),
    }));
  }

  insertMetric({ runId, item, node, name, value, at }: MetricEntry): void {
    const run = this.#runs.find(runId);
    if (run === undefined) return;
    const insert = this.#tables.db.statement(
      "INSERT INTO metric (run, item, node, name, value, at) VALUES (?, ?, ?, ?, ?, ?)",
    );
    insert.run(run.number, item, toStoredText(node), toStoredText(name), storedNumber(value), at);
  }

  metrics(runId: string, page: PageRequest): Page<MetricEntry> {
    const query = { list: "metrics", table: "metric", columns: "item, node, name, value, at", ...this.#ofRun(runId) };
    return this.#list(page, query, (row) => ({
      runId,
      item: numberAt(row, 1),
      node: textAt(row, 2),
      name: textAt(row, 3),
      value: readNumber(row, 4),
      at: numberAt(row, 5),
    }));
  }

  insertLog(runId: string, item: number, attempt: number, line: LogLine): void {
    const run = this.#runs.find(runId);
    if (run === undefined) return;
    const insert = this.#tables.db.statement(
      "INSERT INTO log (run, item, attempt, at, level, message, data) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    const data = line.data === undefined ? null : toStoredText(line.data);
    insert.run(run.number, item, attempt, line.at, line.level, toStoredText(line.message), data);
  }

  logs(filter: { readonly runId: string; readonly item?: number | undefined }, page: PageRequest): Page<LogEntry> {
    const ofRun = this.#ofRun(filter.runId);
    const where = filter.item === undefined ? ofRun.where : [...ofRun.where, "item = ?"];
    const values = filter.item === undefined ? ofRun.values : [...ofRun.values, filter.item];
    return this.#list(
      page,
      { list: "logs", table: "log", columns: "item, attempt, at, level, message, data", where, values },
      (row) => {
        const data = optionalTextAt(row, 6);
        return {
          runId: filter.runId,
          item: numberAt(row, 1),
          attempt: numberAt(row, 2),
          at: numberAt(row, 3),
          level: readLevel(plainTextAt(row, 4)),
          message: textAt(row, 5),
          ...(data === undefined ? {} : { data }),
        };
      },
    );
  }

  insertAudit({ runId, at, action, actor, detail, item }: AuditEntry): void {
    const insert = this.#tables.db.statement(
      "INSERT INTO audit (ns, run, at, action, actor, detail, item) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    const who = actor === undefined ? null : toStoredText(actor);
    insert.run(this.#tables.ns, toStoredText(runId), at, action, who, toStoredText(detail), item ?? null);
  }

  audit(runId: string, page: PageRequest): Page<AuditEntry> {
    const where = ["ns = ?", "run = ?"];
    const values = [this.#tables.ns, toStoredText(runId)];
    return this.#list(
      page,
      { list: "audit", table: "audit", columns: "at, action, actor, detail, item", where, values },
      (row) => ({
        runId,
        at: numberAt(row, 1),
        action: readAction(plainTextAt(row, 2)),
        actor: optionalTextAt(row, 3),
        detail: textAt(row, 4),
        item: optionalNumberAt(row, 5),
      }),
    );
  }

  #ofRun(runId: string): Pick<Query, "where" | "values"> {
    return { where: ["run = ?"], values: [this.#runs.find(runId)?.number ?? NO_RUN] };
  }

  #list<T>(page: PageRequest, query: Query, read: (row: SqlRow) => T): Page<T> {
    const limit = pageLimit(page);
    const after = decodeCursor(query.list, page.cursor, ["number"]) ?? [0];
    const sql = `SELECT id, ${query.columns} FROM ${query.table} WHERE ${query.where.join(" AND ")} AND id > ? ORDER BY id LIMIT ?`;
    const rows = this.#tables.db.statement(sql).all(...query.values, after[0], limit + 1);
    const shown = rows.slice(0, limit);
    const entries = shown.map(read);
    const last = shown.at(-1);
    return rows.length > limit && last !== undefined
      ? { entries, cursor: encodeCursor(query.list, [numberAt(last, 0)]) }
      : { entries };
  }
}

/** Runs are numbered from 1. */
const NO_RUN = 0;

/** SQLite knows neither NaN nor the sign of zero. */
function storedNumber(value: number): SqlValue {
  return Number.isNaN(value) || Object.is(value, -0) ? String(Object.is(value, -0) ? "-0" : value) : value;
}

function readNumber(row: SqlRow, at: number): number {
  return typeof row[at] === "string" ? Number(row[at]) : numberAt(row, at);
}

const OUTCOMES: ReadonlySet<string> = new Set([
  "retried",
  "failedOver",
  "failed",
  "stalled",
] satisfies FailureEntry["outcome"][]);
const LEVELS: ReadonlySet<string> = new Set(["debug", "info", "warn", "error"] satisfies LogLine["level"][]);

function readOutcome(stored: string): FailureEntry["outcome"] {
  if (isOutcome(stored)) return stored;
  throw damaged("a failure with an unknown outcome");
}

function isOutcome(stored: string): stored is FailureEntry["outcome"] {
  return OUTCOMES.has(stored);
}

function readLevel(stored: string): LogLine["level"] {
  if (isLevel(stored)) return stored;
  throw damaged("a log line of an unknown level");
}

function isLevel(stored: string): stored is LogLine["level"] {
  return LEVELS.has(stored);
}

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

function readAction(stored: string): AuditEntry["action"] {
  if (isAction(stored)) return stored;
  throw damaged("an audit entry of an unknown action");
}

function isAction(stored: string): stored is AuditEntry["action"] {
  return Object.hasOwn(ACTIONS, stored);
}
