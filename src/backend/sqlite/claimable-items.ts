/**
 * What claims look at: ready items of the lanes a claim may take from, items that are due, and when the next thing
 * happens by itself. Every query here walks a partial index in its order, so that no claim reads a finished item or one of
 * a lane it cannot take.
 */

import { isMillraceError } from "../../core/errors.ts";
import type { LaneBacklog } from "../contract/records.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { ITEM_STATUS } from "../sql/stored-code.ts";
import type { LaneSelection, RowStore } from "../synchronous/row-store.ts";
import type { SqlRow } from "./driver.ts";
import { firstRows } from "./first-rows.ts";
import type { Lane } from "./identities.ts";
import { PLACE } from "./item-row.ts";
import { compareItems, type Items } from "./items.ts";
import { numberAt, optionalNumberAt } from "./row-values.ts";
import type { Tables } from "./tables.ts";

const IN_PROGRESS = ITEM_STATUS.encode("in_progress");

/** The queries that claims are made of; a test holds each to its index. */
export const CLAIM_QUERIES = {
  ready: `SELECT place_key, run, number FROM item INDEXED BY item_ready WHERE lane = ? AND place = ${PLACE.ready} ORDER BY place_key, run, number`,
  stalled: `SELECT place_key, run, number FROM item INDEXED BY item_stalled WHERE lane = ? AND place = ${PLACE.stalled} ORDER BY place_key, run, number`,
  due: `SELECT place_key, run, number FROM item INDEXED BY item_due WHERE ns = ? AND place = ${PLACE.due} AND place_key <= ? ORDER BY place_key, run, number`,
  nextDue: `SELECT place_key FROM item INDEXED BY item_due WHERE ns = ? AND place = ${PLACE.due} ORDER BY place_key LIMIT 1`,
  nextBusySession: `SELECT session FROM item INDEXED BY item_busy WHERE status = ${IN_PROGRESS} AND session > ? ORDER BY session LIMIT 1`,
  busy: `SELECT place_key, run, number FROM item INDEXED BY item_busy WHERE status = ${IN_PROGRESS} AND session = ? AND place = ${PLACE.busy} AND place_key <= ?
    ORDER BY place_key, run, number`,
  nextBusy: `SELECT place_key FROM item INDEXED BY item_busy WHERE status = ${IN_PROGRESS} AND session = ? AND place = ${PLACE.busy} ORDER BY place_key LIMIT 1`,
  leaseOf: `SELECT session_name.ns, session.until, session.stopped_at, session.swept
    FROM session_name LEFT JOIN session ON session.id = session_name.id WHERE session_name.id = ?`,
  nextTimeout:
    "SELECT timeout_at FROM run INDEXED BY run_by_timeout WHERE ns = ? AND timeout_at IS NOT NULL AND status < 2 ORDER BY timeout_at LIMIT 1",
  backlog: `SELECT count(*), min(ready_at) FROM item INDEXED BY item_ready WHERE lane = ? AND place = ${PLACE.ready}`,
  stalledBacklog: `SELECT count(*), min(ready_at) FROM item INDEXED BY item_stalled WHERE lane = ? AND place = ${PLACE.stalled}`,
} as const;

type ClaimMethods = "ready" | "due" | "nextDueAt" | "backlog";

export class ClaimableItems implements Pick<RowStore, ClaimMethods> {
  readonly #tables: Tables;
  readonly #items: Items;

  constructor(tables: Tables, items: Items) {
    this.#tables = tables;
    this.#items = items;
  }

  ready(selection: LaneSelection, stalled: boolean, limit: number): readonly WorkItem[] {
    const sql = stalled ? CLAIM_QUERIES.stalled : CLAIM_QUERIES.ready;
    const lists = this.#lanes(selection).map((lane) => firstRows(this.#tables.db, sql, limit, lane.id));
    return this.#firstOf(lists, limit);
  }

  due(now: number, limit: number): readonly WorkItem[] {
    const { db, ns } = this.#tables;
    const lists = [firstRows(db, CLAIM_QUERIES.due, limit, ns, now)];
    for (const session of this.#busySessions()) lists.push(firstRows(db, CLAIM_QUERIES.busy, limit, session.id, now));
    return this.#firstOf(lists, limit);
  }

  nextDueAt(): number | undefined {
    const { db, ns } = this.#tables;
    const times = [db.statement(CLAIM_QUERIES.nextDue).get(ns), db.statement(CLAIM_QUERIES.nextTimeout).get(ns)].map(
      firstNumber,
    );
    for (const session of this.#busySessions()) {
      times.push(session.leaseUntil, firstNumber(db.statement(CLAIM_QUERIES.nextBusy).get(session.id)));
    }
    const known = times.filter((time) => time !== undefined);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  backlog(): readonly LaneBacklog[] {
    return [...this.#tables.ids.lanes()].flatMap((lane) => this.#backlogOf(lane));
  }

  #backlogOf({ id, queue, definition, labels }: Lane): readonly LaneBacklog[] {
    const counted = [CLAIM_QUERIES.backlog, CLAIM_QUERIES.stalledBacklog].map(
      (sql) => this.#tables.db.statement(sql).get(id) ?? [],
    );
    const ready = counted.reduce((sum, row) => sum + numberAt(row, 0), 0);
    const times = counted.flatMap((row) => optionalNumberAt(row, 1) ?? []);
    return ready === 0 ? [] : [{ queue, definition, labels, ready, oldestReadyAt: Math.min(...times) }];
  }

  #lanes(selection: LaneSelection): readonly Lane[] {
    const { queues, definitions, labels } = selection;
    return [...this.#tables.ids.lanes()].filter(
      (lane) =>
        queues.includes(lane.queue) &&
        definitions.includes(lane.definition) &&
        lane.labels.every((label) => labels.includes(label)),
    );
  }

  /** Sessions of the namespace that have items in progress, by skipping from one to the next in the index. */
  #busySessions(): readonly { readonly id: number; readonly leaseUntil: number | undefined }[] {
    const { db, ns } = this.#tables;
    const sessions: { readonly id: number; readonly leaseUntil: number | undefined }[] = [];
    for (let row = db.statement(CLAIM_QUERIES.nextBusySession).get(0); row !== undefined; ) {
      const id = numberAt(row, 0);
      const lease = db.statement(CLAIM_QUERIES.leaseOf).get(id);
      if (lease !== undefined && numberAt(lease, 0) === ns) {
        const isLive = optionalNumberAt(lease, 2) === undefined && optionalNumberAt(lease, 3) === 0;
        sessions.push({ id, leaseUntil: isLive ? optionalNumberAt(lease, 1) : undefined });
      }
      row = db.statement(CLAIM_QUERIES.nextBusySession).get(id);
    }
    return sessions;
  }

  /**
   * Merges sorted lists of (key, run, number). Rows of equal keys come by the run's name, as they do everywhere; which of
   * them come at all, if there are more than the limit, is decided by the order in which their runs were started.
   */
  #firstOf(lists: readonly (readonly SqlRow[])[], limit: number): readonly WorkItem[] {
    const filled = lists.filter((list) => list.length > 0);
    const [only] = filled;
    const rows = filled.length === 1 && only !== undefined ? only : filled.flat().sort(byKey).slice(0, limit);
    const entries = rows.flatMap((row) => {
      const item = this.#itemOf(row);
      return item === undefined ? [] : { key: numberAt(row, 0), item };
    });
    return entries.sort((a, b) => a.key - b.key || compareItems(a.item, b.item)).map((entry) => entry.item);
  }

  /**
   * Nothing, if the item's or its run's row cannot be read: it is put where no claim meets it again, so that one damaged run
   * does not keep all others from being worked on. Whoever asks for it is told.
   */
  #itemOf(row: SqlRow): WorkItem | undefined {
    const [run, number] = [numberAt(row, 1), numberAt(row, 2)];
    try {
      const item = this.#items.byNumber(run, number);
      if (item !== undefined) return item;
    } catch (error) {
      if (!isMillraceError(error, "BACKEND_CORRUPT")) throw error;
    }
    const put = this.#tables.db.statement("UPDATE item SET place = ? WHERE run = ? AND number = ?");
    put.run(PLACE.damaged, run, number);
    return undefined;
  }
}

function byKey(a: SqlRow, b: SqlRow): number {
  return numberAt(a, 0) - numberAt(b, 0) || numberAt(a, 1) - numberAt(b, 1) || numberAt(a, 2) - numberAt(b, 2);
}

function firstNumber(row: SqlRow | undefined): number | undefined {
  return row === undefined ? undefined : optionalNumberAt(row, 0);
}
