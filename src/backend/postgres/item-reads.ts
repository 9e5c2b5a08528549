/**
 * Reads of work items. A list of one run walks that run's items from where the page before ended; a list of what is in
 * progress looks only at that; any other walks the runs by name.
 */

import type { ProgressRecord } from "../contract/records.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import type { ItemFilter, WorkItem } from "../contract/work-item.ts";
import type { RemoteReads } from "../remote/remote-store.ts";
import { ITEM_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { Parameter, SqlRow } from "./driver.ts";
import { IN_PROGRESS, ITEM_COLUMNS, ITEM_WIDTH, readItemRow } from "./item-row.ts";
import { listOf } from "./parameters.ts";
import type { Reading } from "./reading.ts";
import { bytesAt, numberAt, optionalBytesAt, textAt } from "./row-values.ts";

const OF_RUN = "JOIN millrace.run ON run.id = item.run WHERE run.ns = $1 AND run.name = $2 AND item.number = $3";
const ITEM = `SELECT ${ITEM_COLUMNS} FROM millrace.item ${OF_RUN}`;
const PAYLOAD = `SELECT item.input, item.handed_failure FROM millrace.item ${OF_RUN}`;
const MEMOS = `SELECT memo.name, memo.value FROM millrace.run JOIN millrace.memo ON memo.run = run.id
  WHERE run.ns = $1 AND run.name = $2 AND memo.item = $3 ORDER BY memo.id`;
const PROGRESS = `SELECT progress.item, progress.epoch, progress.at, progress.details FROM millrace.run
  JOIN millrace.progress ON progress.run = run.id
  WHERE run.ns = $1 AND run.name = $2 AND progress.item = ANY ($3::integer[])`;

export function itemReads(reading: Reading) {
  const { ns, lanes } = reading;
  return {
    async item(runId, item) {
      const [row] = await reading.items(ITEM, [ns, toStoredText(runId), item]);
      return row === undefined ? undefined : readItemRow(row, runId, lanes).item;
    },
    async payload(runId, item) {
      const row = await reading.row(PAYLOAD, [ns, toStoredText(runId), item]);
      return row === undefined ? undefined : { input: optionalBytesAt(row, 0), failure: optionalBytesAt(row, 1) };
    },
    items: (filter, page) => listItems(reading, filter, page),
    async memos(runId, item) {
      const rows = await reading.rows(MEMOS, [ns, toStoredText(runId), item]);
      return new Map(rows.map((row) => [textAt(row, 0), bytesAt(row, 1)]));
    },
    async progress(runId, items) {
      const rows = await reading.rows(PROGRESS, [ns, toStoredText(runId), listOf(items)]);
      const found = new Map(rows.map(readProgress).map((record) => [record.item, record]));
      return items.flatMap((item) => found.get(item) ?? []);
    },
  } satisfies Partial<RemoteReads>;
}

function readProgress(row: SqlRow): ProgressRecord {
  return { item: numberAt(row, 0), epoch: numberAt(row, 1), at: numberAt(row, 2), details: bytesAt(row, 3) };
}

interface Walk {
  readonly from: string;
  readonly where: readonly string[];
}

type Position = readonly [runId: string, item: number];

async function listItems(reading: Reading, filter: ItemFilter, page: PageRequest): Promise<Page<WorkItem>> {
  const limit = pageLimit(page);
  if (filter.status?.length === 0) return { entries: [] };
  const values: Parameter[] = [reading.ns];
  const given = (value: Parameter): string => {
    values.push(value);
    return `$${values.length}`;
  };
  const walk = walkOf(filter, decodeCursor("items", page.cursor, ["string", "number"]), given);
  const where = [...walk.where, ...filtersOf(filter, given)].join(" AND ");
  const text = `SELECT ${ITEM_COLUMNS}, run.name FROM ${walk.from} WHERE run.ns = $1 AND ${where}
    ORDER BY run.name, item.number LIMIT ${given(limit + 1)}`;
  const rows = await reading.items(text, values);
  const entries = rows.slice(0, limit).map((row) => readItemRow(row, textAt(row, ITEM_WIDTH), reading.lanes).item);
  const last = entries.at(-1);
  if (rows.length <= limit || last === undefined) return { entries };
  return { entries, cursor: encodeCursor("items", [last.runId, last.item]) };
}

function walkOf(filter: ItemFilter, after: Position | undefined, given: (value: Parameter) => string): Walk {
  const joined = "millrace.run JOIN millrace.item ON item.run = run.id";
  if (filter.runId !== undefined) {
    // A cursor of another run's list goes by the order of runs, like everything.
    const passed =
      after === undefined || after[0] < filter.runId ? -1 : after[0] === filter.runId ? after[1] : ALL_PASSED;
    const name = given(toStoredText(filter.runId));
    return { from: joined, where: [`run.name = ${name} AND item.number > ${given(passed)}`] };
  }
  const where: string[] = [];
  if (after !== undefined) {
    const name = given(toStoredText(after[0]));
    where.push(`run.name >= ${name} AND (run.name, item.number) > (${name}, ${given(after[1])}::integer)`);
  }
  if (filter.status?.every((status) => status === "in_progress") === true) where.push(`item.status = ${IN_PROGRESS}`);
  return { from: joined, where: where.length === 0 ? ["true"] : where };
}

/** Beyond the number of any item. */
const ALL_PASSED = 2_147_483_647;

function filtersOf(filter: ItemFilter, given: (value: Parameter) => string): readonly string[] {
  const where: string[] = [];
  const { status, node, session, changedAfter } = filter;
  if (status !== undefined)
    where.push(`item.status = ANY (${given(listOf(status.map(ITEM_STATUS.encode)))}::smallint[])`);
  if (node !== undefined) where.push(`item.node = ${given(toStoredText(node))}`);
  if (session !== undefined) where.push(`item.session = ${given(toStoredText(session))}`);
  if (changedAfter !== undefined) where.push(`item.commit_number > ${given(changedAfter)}`);
  return where;
}
