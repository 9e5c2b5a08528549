/**
 * Lists of runs, newest first, with filters. Each list walks one index in its order, so that a page costs what it passes
 * over and never a sort of everything: the index of a tag, of a status, of a workflow, or of creation. The search for
 * a substring is narrowed down by the server and decided here, since escaped text cannot be searched as it lies there.
 */

import type { Page, PageRequest, RunFilter, RunRecord } from "../contract/run.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { ESCAPE_MARK, toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { Parameter, Statement } from "./driver.ts";
import { listOf } from "./parameters.ts";
import type { Reading } from "./reading.ts";
import { RECORD_COLUMNS, readRecord, tagDigest } from "./run-row.ts";

/** A part of a statement whose parameters are marked by `?`, in order. */
interface Condition {
  readonly sql: string;
  readonly values: readonly Parameter[];
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

export async function listRuns(reading: Reading, filter: RunFilter, page: PageRequest): Promise<Page<RunRecord>> {
  const limit = pageLimit(page);
  const conditions = conditionsOf(reading.ns, filter);
  const walks = walksOf(reading.ns, filter);
  const entries: RunRecord[] = [];
  let position: Position | undefined = decodeCursor("runs", page.cursor, ["number", "string"]);
  for (;;) {
    const found = await nextRuns(reading, walks, conditions, position, limit + 1);
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

async function nextRuns(
  reading: Reading,
  walks: readonly Walk[],
  conditions: readonly Condition[],
  after: Position | undefined,
  limit: number,
): Promise<readonly RunRecord[]> {
  if (walks.length === 0) return [];
  const lists = await reading.all(walks.map((walk) => walkRuns(reading, walk, conditions, after, limit)));
  const records = lists.flat().map(readRecord);
  return walks.length === 1 ? records : records.sort(newestFirst).slice(0, limit);
}

function walkRuns(
  { statements }: Reading,
  walk: Walk,
  conditions: readonly Condition[],
  after: Position | undefined,
  limit: number,
): Statement {
  const { from, createdAt, name, within } = walk;
  const beyond =
    after === undefined
      ? []
      : [
          {
            sql: `(${createdAt}, ${name}) < (?::double precision, ?::text)`,
            values: [after[0], toStoredText(after[1])],
          },
        ];
  const all = [...within, ...beyond, ...conditions];
  const sql = `SELECT ${RECORD_COLUMNS} FROM ${from} JOIN millrace.run_detail ON run_detail.run = run.id
    WHERE ${all.map((condition) => condition.sql).join(" AND ")} ORDER BY ${createdAt} DESC, ${name} DESC LIMIT ?`;
  let number = 0;
  const text = sql.replaceAll("?", () => {
    number += 1;
    return `$${number}`;
  });
  return statements.of(text, [...all.flatMap((condition) => condition.values), limit]);
}

/** Statuses are walked one by one and merged; everything else is one walk. */
function walksOf(ns: number, filter: RunFilter): readonly Walk[] {
  const own = { createdAt: "run.created_at", name: "run.name", from: "millrace.run" };
  const [tag] = Object.entries(filter.tags ?? {});
  if (tag !== undefined) {
    const within = [{ sql: "entry.ns = ? AND entry.tag = ?", values: [ns, tagDigest(...tag)] }];
    const from = "millrace.run_tag AS entry JOIN millrace.run ON run.id = entry.run";
    return [{ from, createdAt: "entry.created_at", name: "entry.run_name", within }];
  }
  const inNamespace: Condition = { sql: "run.ns = ?", values: [ns] };
  if (filter.status !== undefined) {
    return [...new Set(filter.status)].map((status) => ({
      ...own,
      within: [inNamespace, { sql: "run.status = ?", values: [RUN_STATUS.encode(status)] }],
    }));
  }
  if (filter.workflow !== undefined) {
    return [{ ...own, within: [inNamespace, { sql: "run.workflow = ?", values: [toStoredText(filter.workflow)] }] }];
  }
  return [{ ...own, within: [inNamespace] }];
}

function conditionsOf(ns: number, filter: RunFilter): readonly Condition[] {
  const { status, workflow, version, tags, since, until, search } = filter;
  const conditions: Condition[] = [];
  if (status !== undefined) {
    conditions.push({ sql: "run.status = ANY (?::smallint[])", values: [listOf(status.map(RUN_STATUS.encode))] });
  }
  if (workflow !== undefined) conditions.push({ sql: "run.workflow = ?", values: [toStoredText(workflow)] });
  if (version !== undefined) conditions.push({ sql: "run_detail.version = ?", values: [toStoredText(version)] });
  if (since !== undefined) conditions.push({ sql: "run.created_at >= ?::double precision", values: [since] });
  if (until !== undefined) conditions.push({ sql: "run.created_at <= ?::double precision", values: [until] });
  for (const tag of Object.entries(tags ?? {})) {
    const sql = `EXISTS (SELECT 1 FROM millrace.run_tag AS other WHERE other.ns = ? AND other.tag = ?
      AND other.created_at = run.created_at AND other.run_name = run.name)`;
    conditions.push({ sql, values: [ns, tagDigest(...tag)] });
  }
  if (search !== undefined && search !== "") conditions.push(searchCondition(search));
  return conditions;
}

/** Everything that contains the text, and everything that is stored escaped. Tags are JSON, in which more than that is escaped. */
function searchCondition(search: string): Condition {
  const plain = toStoredText(search) === search ? search : ESCAPE_MARK;
  const inJson = JSON.stringify(search).slice(1, -1);
  const values: Parameter[] = [];
  const contains = (column: string): string => {
    values.push(plain, ESCAPE_MARK);
    return `strpos(${column}, ?) > 0 OR starts_with(${column}, ?)`;
  };
  const own = ["run.name", "run.workflow", "run_detail.idempotency_key"].map(contains).join(" OR ");
  return { sql: `(${own} OR strpos(run_detail.tags, ?) > 0)`, values: [...values, inJson] };
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
