/**
 * Lists of runs, newest first, with filters. Each list walks one index in its order, so that a page costs what it passes
 * over and never a sort of everything: the index of a tag, of a status, of a workflow, or of creation. The search for
 * a substring is narrowed down by SQLite and decided here, since escaped text cannot be searched as it lies there.
 */

import type { Page, PageRequest, RunFilter, RunRecord } from "../contract/run.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { ESCAPE_MARK, toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { SqlValue } from "./driver.ts";
import { RECORD_COLUMNS, readRecord } from "./run-row.ts";
import type { Tables } from "./tables.ts";

interface Condition {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** An index to walk, and what picks the part of it. */
interface Walk {
  readonly from: string;
  /** Columns of the order. */
  readonly createdAt: string;
  readonly name: string;
  readonly within: readonly Condition[];
}

type Position = readonly [createdAt: number, id: string];

export function listRuns(tables: Tables, filter: RunFilter, page: PageRequest): Page<RunRecord> {
  const limit = pageLimit(page);
  const conditions = conditionsOf(tables.ns, filter);
  const walks = walksOf(tables.ns, filter);
  const entries: RunRecord[] = [];
  let position: Position | undefined = decodeCursor("runs", page.cursor, ["number", "string"]);
  for (;;) {
    const found = nextRuns(tables, walks, conditions, position, limit + 1);
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

function nextRuns(
  tables: Tables,
  walks: readonly Walk[],
  conditions: readonly Condition[],
  after: Position | undefined,
  limit: number,
): readonly RunRecord[] {
  const lists = walks.map((walk) => walkRuns(tables, walk, conditions, after, limit));
  const [only] = lists;
  return lists.length === 1 && only !== undefined ? only : lists.flat().sort(newestFirst).slice(0, limit);
}

function walkRuns(
  tables: Tables,
  walk: Walk,
  conditions: readonly Condition[],
  after: Position | undefined,
  limit: number,
): readonly RunRecord[] {
  const { from, createdAt, name, within } = walk;
  const beyond =
    after === undefined
      ? []
      : [{ sql: `(${createdAt}, ${name}) < (?, ?)`, values: [after[0], toStoredText(after[1])] }];
  const all = [...within, ...beyond, ...conditions];
  const sql = `SELECT ${RECORD_COLUMNS} FROM ${from} CROSS JOIN run_detail ON run_detail.run = run.id
    WHERE ${all.map((condition) => condition.sql).join(" AND ")} ORDER BY ${createdAt} DESC, ${name} DESC LIMIT ?`;
  const values = all.flatMap((condition) => condition.values);
  return tables.db.query(sql, [...values, limit]).map((row) => readRecord(row, tables.ids));
}

/** Statuses are walked one by one and merged; everything else is one walk. */
function walksOf(ns: number, filter: RunFilter): readonly Walk[] {
  const own = { createdAt: "run.created_at", name: "run.name" };
  const [tag] = Object.entries(filter.tags ?? {});
  if (tag !== undefined) {
    const within = [{ sql: "entry.ns = ? AND entry.name = ? AND entry.value = ?", values: tagValues(ns, tag) }];
    const from = "run_tag AS entry CROSS JOIN run ON run.id = entry.run";
    return [{ from, createdAt: "entry.created_at", name: "entry.run_name", within }];
  }
  const inNamespace: Condition = { sql: "run.ns = ?", values: [ns] };
  if (filter.status !== undefined) {
    return [...new Set(filter.status)].map((status) => ({
      ...own,
      from: "run INDEXED BY run_by_status",
      within: [inNamespace, { sql: "run.status = ?", values: [RUN_STATUS.encode(status)] }],
    }));
  }
  if (filter.workflow !== undefined) {
    const within = [inNamespace, { sql: "run.workflow = ?", values: [toStoredText(filter.workflow)] }];
    return [{ ...own, from: "run INDEXED BY run_by_workflow", within }];
  }
  return [{ ...own, from: "run INDEXED BY run_by_creation", within: [inNamespace] }];
}

function conditionsOf(ns: number, filter: RunFilter): readonly Condition[] {
  const { status, workflow, version, tags, since, until, search } = filter;
  const conditions: Condition[] = [];
  if (status !== undefined) {
    conditions.push({ sql: `run.status IN (${status.map(RUN_STATUS.encode).join(", ")})`, values: [] });
  }
  if (workflow !== undefined) conditions.push({ sql: "run.workflow = ?", values: [toStoredText(workflow)] });
  if (version !== undefined) conditions.push({ sql: "run_detail.version = ?", values: [toStoredText(version)] });
  if (since !== undefined) conditions.push({ sql: "run.created_at >= ?", values: [since] });
  if (until !== undefined) conditions.push({ sql: "run.created_at <= ?", values: [until] });
  for (const tag of Object.entries(tags ?? {})) {
    const sql = `EXISTS (SELECT 1 FROM run_tag WHERE run_tag.ns = ? AND run_tag.name = ? AND run_tag.value = ?
      AND run_tag.created_at = run.created_at AND run_tag.run_name = run.name)`;
    conditions.push({ sql, values: tagValues(ns, tag) });
  }
  if (search !== undefined && search !== "") conditions.push(searchCondition(search));
  return conditions;
}

function tagValues(ns: number, [name, value]: readonly [string, string]): readonly SqlValue[] {
  return [ns, toStoredText(name), toStoredText(value)];
}

/** Everything that contains the text, and everything that is stored escaped. Text that must be escaped is only found there. */
function searchCondition(search: string): Condition {
  const plain = toStoredText(search) === search ? search : ESCAPE_MARK;
  const values: SqlValue[] = [];
  const contains = (column: string): string => {
    values.push(plain, `${ESCAPE_MARK}*`);
    return `instr(${column}, ?) > 0 OR ${column} GLOB ?`;
  };
  const own = ["run.name", "run.workflow", "run_detail.idempotency_key"].map(contains).join(" OR ");
  const tags = `EXISTS (SELECT 1 FROM run_tag WHERE run_tag.run = run.id AND (${contains("run_tag.value")}))`;
  return { sql: `(${own} OR ${tags})`, values };
}

function isFound(record: RunRecord, search: string | undefined): boolean {
  if (search === undefined || search === "") return true;
  const { id, workflow, idempotencyKey = "", tags } = record;
  return [id, workflow, idempotencyKey, ...Object.values(tags)].some((text) => text.includes(search));
}

function newestFirst(a: RunRecord, b: RunRecord): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : -1;
}

function cursorAfter(entries: readonly RunRecord[]): string {
  const last = entries.at(-1);
  return encodeCursor("runs", last === undefined ? [0, ""] : [last.createdAt, last.id]);
}
