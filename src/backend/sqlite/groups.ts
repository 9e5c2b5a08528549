/** Branch groups, the arrivals at their joins, and the outputs of `all` runs. */

import type { OutputRecord } from "../contract/records.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import type { Arrival, BranchGroup, JoinTemplate } from "../contract/work-item.ts";
import { parseStored, toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import {
  bytesAt,
  damaged,
  isObject,
  isStrings,
  numberAt,
  objectAt,
  optionalNumberAt,
  plainTextAt,
  textAt,
} from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

type GroupMethods = "group" | "putGroup" | "insertArrival" | "arrivals" | "insertOutput" | "outputs";

const POSITION = "path, commit_number, place_in_emission, source";

export class Groups implements Pick<RowStore, GroupMethods> {
  readonly #tables: Tables;
  readonly #runs: Runs;
  /** The text of lists of joins: a group is written at each end of a member, its joins never change. */
  readonly #joinTexts = new WeakMap<readonly JoinTemplate[], string>();

  constructor(tables: Tables, runs: Runs) {
    this.#tables = tables;
    this.#runs = runs;
  }

  group(runId: string, group: number): BranchGroup | undefined {
    const run = this.#runs.find(runId);
    if (run === undefined) return undefined;
    const sql = `SELECT fan_out, parent, place_in_emission, path, depth, open, joins, arrived, done
      FROM branch_group WHERE run = ? AND number = ?`;
    const row = this.#tables.db.statement(sql).get(run.number, group);
    if (row === undefined) return undefined;
    const joinText = plainTextAt(row, 6);
    const joins = readJoins(joinText);
    this.#joinTexts.set(joins, joinText);
    return {
      runId,
      group,
      fanOut: textAt(row, 0),
      parent: optionalNumberAt(row, 1),
      index: numberAt(row, 2),
      path: textAt(row, 3),
      depth: numberAt(row, 4),
      open: numberAt(row, 5),
      joins,
      arrived: readArrived(objectAt(row, 7)),
      done: numberAt(row, 8) === 1,
    };
  }

  putGroup(group: BranchGroup): void {
    const run = this.#runs.find(group.runId);
    if (run === undefined) return;
    const sql = `INSERT INTO branch_group (run, number, fan_out, parent, place_in_emission, path, depth, open, joins, arrived, done)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET open = excluded.open, arrived = excluded.arrived, done = excluded.done`;
    this.#tables.db
      .statement(sql)
      .run(
        run.number,
        group.group,
        toStoredText(group.fanOut),
        group.parent ?? null,
        group.index,
        group.path,
        group.depth,
        group.open,
        this.#joinText(group.joins),
        JSON.stringify(group.arrived),
        group.done ? 1 : 0,
      );
  }

  insertArrival(arrival: Arrival): void {
    const run = this.#runs.find(arrival.runId);
    if (run === undefined) return;
    const { group, join, path, commit, index, from, node, value } = arrival;
    const sql = `INSERT INTO arrival (run, branch_group, join_node, ${POSITION}, node, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`;
    this.#tables.db
      .statement(sql)
      .run(run.number, group, toStoredText(join), path, commit, index, from, toStoredText(node), value);
  }

  arrivals(runId: string, group: number, join: string, page: PageRequest): Page<Arrival> {
    const where = { sql: "branch_group = ? AND join_node = ?", values: [group, toStoredText(join)] };
    return this.#list(runId, page, { list: "arrivals", columns: "node, value", table: "arrival", where }, (row) => ({
      runId,
      group,
      join,
      path: textAt(row, 0),
      commit: numberAt(row, 1),
      index: numberAt(row, 2),
      from: numberAt(row, 3),
      node: textAt(row, 4),
      value: bytesAt(row, 5),
    }));
  }

  insertOutput(runId: string, output: OutputRecord): void {
    const run = this.#runs.find(runId);
    if (run === undefined) return;
    const { path, commit, index, from, value } = output;
    this.#tables.db
      .statement(`INSERT INTO output (run, ${POSITION}, value) VALUES (?, ?, ?, ?, ?, ?)`)
      .run(run.number, path, commit, index, from, value);
  }

  outputs(runId: string, page: PageRequest): Page<OutputRecord> {
    return this.#list(
      runId,
      page,
      { list: "outputs", columns: "value", table: "output", where: { sql: "1", values: [] } },
      (row) => ({
        path: textAt(row, 0),
        commit: numberAt(row, 1),
        index: numberAt(row, 2),
        from: numberAt(row, 3),
        value: bytesAt(row, 4),
      }),
    );
  }

  /** In branch order: path, then commit, then index. */
  #list<T extends { readonly path: string; readonly commit: number; readonly index: number; readonly from: number }>(
    runId: string,
    page: PageRequest,
    query: {
      readonly list: string;
      readonly columns: string;
      readonly table: string;
      readonly where: { readonly sql: string; readonly values: readonly SqlValue[] };
    },
    read: (row: SqlRow) => T,
  ): Page<T> {
    const limit = pageLimit(page);
    const after = decodeCursor(query.list, page.cursor, ["string", "number", "number", "number"]);
    const run = this.#runs.find(runId);
    if (run === undefined) return { entries: [] };
    const beyond = after === undefined ? "" : `AND (${POSITION}) > (?, ?, ?, ?)`;
    const sql = `SELECT ${POSITION}, ${query.columns} FROM ${query.table} WHERE run = ? AND ${query.where.sql} ${beyond} ORDER BY ${POSITION} LIMIT ?`;
    const rows = this.#tables.db.statement(sql).all(run.number, ...query.where.values, ...(after ?? []), limit + 1);
    const entries = rows.slice(0, limit).map(read);
    const last = entries.at(-1);
    if (rows.length <= limit || last === undefined) return { entries };
    return { entries, cursor: encodeCursor(query.list, [last.path, last.commit, last.index, last.from]) };
  }

  #joinText(joins: readonly JoinTemplate[]): string {
    const known = this.#joinTexts.get(joins);
    if (known !== undefined) return known;
    const text = JSON.stringify(joins);
    this.#joinTexts.set(joins, text);
    return text;
  }
}

function readArrived(stored: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(stored).map(([join, count]) => [join, typeof count === "number" ? count : 0]),
  );
}

function readJoins(stored: string): readonly JoinTemplate[] {
  const joins = parseStored(stored);
  if (!Array.isArray(joins) || !joins.every(isJoin)) throw damaged("a group whose joins are not readable");
  return joins;
}

function isJoin(join: unknown): join is JoinTemplate {
  return (
    isObject(join) &&
    typeof join.node === "string" &&
    typeof join.queue === "string" &&
    isStrings(join.labels) &&
    isStrings(join.keys) &&
    typeof join.priority === "number" &&
    typeof join.timeoutMs === "number"
  );
}
