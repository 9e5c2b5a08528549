/**
 * Lists of runs, newest first, with filters. Conditions that an index knows are left to it; the search for a substring is
 * narrowed down by SQLite and decided here, since escaped text cannot be searched as it lies there.
 */

import type { Page, PageRequest, RunFilter, RunRecord } from "../contract/run.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { ESCAPE_MARK, toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { RECORD_COLUMNS, readRecord } from "./run-row.ts";
import type { Tables } from "./tables.ts";

interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

export function listRuns(tables: Tables, filter: RunFilter, page: PageRequest): Page<RunRecord> {
  const limit = pageLimit(page);
  const conditions = conditionsOf(tables.ns, filter);
  const entries: RunRecord[] = [];
  let position = decodeCursor("runs", page.cursor, ["number", "string"]);
  for (;;) {
    const rows = readRows(tables, conditions, position, limit + 1);
    const found = rows.map((row) => readRecord(row, tables.ids));
    for (const record of found) {
      if (!isFound(record, filter.search)) continue;
      if (entries.length === limit) return { entries, cursor: cursorAfter(entries) };
      entries.push(record);
    }
    const last = found.at(-1);
    if (found.length <= limit || last === undefined) return { entries };
    position = [last.createdAt, last.id];
  }
}

function readRows(
  tables: Tables,
  conditions: readonly Condition[],
  position: readonly [number, string] | undefined,
  limit: number,
): readonly SqlRow[] {
  const after: readonly Condition[] =
    position === undefined
      ? []
      : [{ sql: "(run.created_at, run.name) < (?, ?)", values: [position[0], toStoredText(position[1])] }];
  const all = [...conditions, ...after];
  const sql = `SELECT ${RECORD_COLUMNS} FROM run JOIN run_detail ON run_detail.run = run.id
    WHERE ${all.map((condition) => condition.sql).join(" AND ")} ORDER BY run.created_at DESC, run.name DESC LIMIT ?`;
  return tables.db.query(sql, [...all.flatMap((condition) => condition.values), limit]);
}

function conditionsOf(ns: number, filter: RunFilter): readonly Condition[] {
  const { status, workflow, version, tags, since, until, search } = filter;
  const conditions: Condition[] = [{ sql: "run.ns = ?", values: [ns] }];
  if (status !== undefined)
    conditions.push({ sql: `run.status IN (${status.map(RUN_STATUS.encode).join(", ")})`, values: [] });
  if (workflow !== undefined) conditions.push({ sql: "run_detail.workflow = ?", values: [toStoredText(workflow)] });
  if (version !== undefined) conditions.push({ sql: "run_detail.version = ?", values: [toStoredText(version)] });
  if (since !== undefined) conditions.push({ sql: "run.created_at >= ?", values: [since] });
  if (until !== undefined) conditions.push({ sql: "run.created_at <= ?", values: [until] });
  for (const [name, value] of Object.entries(tags ?? {})) {
    const sql =
      "EXISTS (SELECT 1 FROM run_tag WHERE run_tag.ns = ? AND run_tag.name = ? AND run_tag.value = ? AND run_tag.run = run.id)";
    conditions.push({ sql, values: [ns, toStoredText(name), toStoredText(value)] });
  }
  if (search !== undefined && search !== "") conditions.push(searchCondition(search));
  return conditions;
}

/** Everything that contains the text, and everything that is stored escaped. */
function searchCondition(search: string): Condition {
  const columns = ["run.name", "run_detail.workflow", "run_detail.idempotency_key"];
  const values: SqlValue[] = [];
  const contains = (column: string): string => {
    values.push(search, `${ESCAPE_MARK}*`);
    return `(instr(${column}, ?) > 0 OR ${column} GLOB ?)`;
  };
  const own = columns.map(contains).join(" OR ");
  const tags = `EXISTS (SELECT 1 FROM run_tag WHERE run_tag.run = run.id AND ${contains("run_tag.value")})`;
  return {
    sql: `(${own} OR ${tags})`,
    values: toStoredText(search) === search ? values : values.map((value) => (value === search ? ESCAPE_MARK : value)),
  };
}

function isFound(record: RunRecord, search: string | undefined): boolean {
  if (search === undefined || search === "") return true;
  return [record.id, record.workflow, record.idempotencyKey ?? "", ...Object.values(record.tags)].some((text) =>
    text.includes(search),
  );
}

function cursorAfter(entries: readonly RunRecord[]): string {
  const last = entries.at(-1);
  return encodeCursor("runs", last === undefined ? [0, ""] : [last.createdAt, last.id]);
}
