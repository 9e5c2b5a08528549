/**
 * Lists of work items by run, then number, with filters. A list of one run walks that run's items from where the page before
 * ended; a list of what is in progress looks only at that; any other walks the runs by name.
 */

import type { Page, PageRequest } from "../contract/run.ts";
import type { ItemFilter, WorkItem } from "../contract/work-item.ts";
import { ITEM_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { SqlValue } from "./driver.ts";
import { ITEM_COLUMNS, ITEM_WIDTH, readItem } from "./item-row.ts";
import { textAt } from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

interface Walk {
  readonly from: string;
  readonly where: readonly string[];
  readonly values: readonly SqlValue[];
  readonly order: string;
}

type Position = readonly [runId: string, item: number];

const ORDER = "run.name, item.number";

/** Runs are numbered from 1, sessions too. */
const NOBODY = 0;

export function listItems(tables: Tables, runs: Runs, filter: ItemFilter, page: PageRequest): Page<WorkItem> {
  const limit = pageLimit(page);
  if (filter.status?.length === 0) return { entries: [] };
  const walk = walkOf(tables, runs, filter, decodeCursor("items", page.cursor, ["string", "number"]));
  const filters = filtersOf(tables, filter);
  const sql = `SELECT ${ITEM_COLUMNS}, run.name FROM ${walk.from}
    WHERE ${[...walk.where, ...filters.where].join(" AND ")} ORDER BY ${walk.order} LIMIT ${limit + 1}`;
  const rows = tables.db.query(sql, [...walk.values, ...filters.values]);
  const entries = rows.slice(0, limit).map((row) => readItem(row, textAt(row, ITEM_WIDTH), tables.ids));
  const last = entries.at(-1);
  if (rows.length <= limit || last === undefined) return { entries };
  return { entries, cursor: encodeCursor("items", [last.runId, last.item]) };
}

function walkOf({ ns }: Tables, runs: Runs, filter: ItemFilter, after: Position | undefined): Walk {
  if (filter.runId !== undefined) {
    const from = "item INDEXED BY item_by_number CROSS JOIN run ON run.id = item.run";
    const number = runs.find(filter.runId)?.number ?? NOBODY;
    // A cursor of another run's list goes by the order of runs, like everything.
    const passed =
      after === undefined || after[0] < filter.runId ? -1 : after[0] === filter.runId ? after[1] : Infinity;
    // By number alone: ordered by the one run's name too, every page would sort all that is left of the run.
    return { from, where: ["item.run = ? AND item.number > ?"], values: [number, passed], order: "item.number" };
  }
  const beyond = after === undefined ? [] : ["(run.name, item.number) > (?, ?)"];
  const position = after === undefined ? [] : [toStoredText(after[0]), after[1]];
  if (filter.status?.every((status) => status === "in_progress") === true) {
    const from = "item INDEXED BY item_busy CROSS JOIN run ON run.id = item.run";
    return { from, where: ["item.status = 1 AND item.ns = ?", ...beyond], values: [ns, ...position], order: ORDER };
  }
  const from = "run INDEXED BY run_by_name CROSS JOIN item INDEXED BY item_by_number ON item.run = run.id";
  const started = after === undefined ? [] : ["run.name >= ?"];
  const values = [ns, ...position.slice(0, started.length), ...position];
  return { from, where: ["run.ns = ?", ...started, ...beyond], values, order: ORDER };
}

function filtersOf({ ids }: Tables, filter: ItemFilter): Omit<Walk, "from" | "order"> {
  const where: string[] = [];
  const values: SqlValue[] = [];
  const { status, node, session, changedAfter } = filter;
  if (status !== undefined) where.push(`item.status IN (${status.map(ITEM_STATUS.encode).join(", ")})`);
  if (node !== undefined) {
    where.push("item.shape IN (SELECT id FROM shape WHERE node = ?)");
    values.push(toStoredText(node));
  }
  if (session !== undefined) {
    where.push("item.session = ?");
    values.push(ids.findSession(session) ?? NOBODY);
  }
  if (changedAfter !== undefined) {
    where.push("item.commit_number > ?");
    values.push(changedAfter);
  }
  return { where, values };
}
