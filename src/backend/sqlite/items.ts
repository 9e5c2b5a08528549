/**
 * Work items and their payloads. A small input rides along in the item's row, everything else that users gave lies in a
 * table of its own. Rows are keyed by (run, number), so all items of a run lie together.
 */

import { isMillraceError } from "../../core/errors.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import type { ItemFilter, ItemPayload, WorkItem } from "../contract/work-item.ts";
import { ITEM_STATUS } from "../sql/stored-code.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { Placement, RowStore } from "../synchronous/row-store.ts";
import type { SqlRow } from "./driver.ts";
import { listItems } from "./item-list.ts";
import {
  CONTENTS_AT,
  changingValues,
  INPUT_AT,
  INSERT_ITEM,
  ITEM_COLUMNS,
  PLACE,
  placeValues,
  ROW_AT,
  readItem,
  stayingValues,
  UPDATE_ITEM,
} from "./item-row.ts";
import type { RecentItem, RecentRun } from "./recent-rows.ts";
import { bytesAt, numberAt, optionalBytesAt, textAt } from "./row-values.ts";
import type { Runs } from "./runs.ts";
import type { Tables } from "./tables.ts";

/** Bits of `item.contents`. */
const INPUT_HERE = 1;
const INPUT_APART = 2;
const FAILURE_APART = 4;
const HAS_MEMOS = 8;

/** Kinds of `payload`. */
const INPUT = 0;
const FAILURE = 1;

/** Larger inputs lie apart: a row is written anew at each claim and commit. */
const INLINE_BYTES = 512;

const IN_PROGRESS = ITEM_STATUS.encode("in_progress");
const HELD = ITEM_STATUS.encode("held");
const UNFINISHED = (["pending", "in_progress", "waiting_retry", "waiting", "held", "permanently_failed"] as const)
  .map(ITEM_STATUS.encode)
  .join(", ");

/** The queries of claims and commits; a test holds each to its index. */
export const ITEM_QUERIES = {
  byNumber: `SELECT ${ITEM_COLUMNS} FROM item INDEXED BY item_by_number WHERE run = ? AND number = ?`,
  ofRun: `SELECT ${ITEM_COLUMNS} FROM item INDEXED BY item_by_number WHERE run = ? AND status IN (${UNFINISHED}) ORDER BY number`,
  aside: `SELECT ${ITEM_COLUMNS} FROM item INDEXED BY item_aside WHERE run = ? AND place = ${PLACE.aside} ORDER BY number`,
  ofSession: `SELECT ${ITEM_COLUMNS} FROM item INDEXED BY item_busy WHERE session = ? AND status = ${IN_PROGRESS}`,
  heldNodes: `SELECT DISTINCT shape.node FROM item INDEXED BY item_by_number CROSS JOIN shape ON shape.id = item.shape
    WHERE item.run = ? AND item.status = ${HELD}`,
} as const;

type ItemMethods =
  | "item"
  | "payload"
  | "insertItem"
  | "putItem"
  | "putPlacement"
  | "putInput"
  | "items"
  | "unfinished"
  | "aside"
  | "heldNodes"
  | "itemsOf"
  | "memos"
  | "insertMemo";

export class Items implements Pick<RowStore, ItemMethods> {
  readonly #tables: Tables;
  readonly #runs: Runs;

  constructor(tables: Tables, runs: Runs) {
    this.#tables = tables;
    this.#runs = runs;
  }

  item(runId: string, item: number): WorkItem | undefined {
    return this.#find(runId, item)?.item;
  }

  /** The item, read only if it is not known from before. */
  byNumber(run: number, item: number): WorkItem | undefined {
    return this.item(this.#runs.nameOf(run), item);
  }

  payload(runId: string, item: number): ItemPayload | undefined {
    const found = this.#find(runId, item);
    if (found === undefined) return undefined;
    const { contents } = found;
    return {
      input:
        contents & INPUT_HERE
          ? found.input && new Uint8Array(found.input)
          : contents & INPUT_APART
            ? this.#apart(runId, item, INPUT)
            : undefined,
      failure: contents & FAILURE_APART ? this.#apart(runId, item, FAILURE) : undefined,
    };
  }

  insertItem(item: WorkItem, payload: ItemPayload, placement: Placement, definition: string): void {
    const { db, ns, ids, recent } = this.#tables;
    const run = this.#runs.find(item.runId);
    if (run === undefined) return;
    // A copy of our own: it may be kept, and whoever gave it may change theirs.
    const inline =
      payload.input !== undefined && payload.input.length <= INLINE_BYTES ? new Uint8Array(payload.input) : undefined;
    const contents =
      (inline !== undefined ? INPUT_HERE : payload.input !== undefined ? INPUT_APART : 0) |
      (payload.failure !== undefined ? FAILURE_APART : 0);
    const shape = ids.shapeFor(item, definition);
    const row = db
      .statement(INSERT_ITEM)
      .insert(
        ...stayingValues(run.number, ns, item, shape, contents, inline ?? null),
        ...changingValues(item, placement, ids),
      );
    if (contents & INPUT_APART && payload.input !== undefined) this.#putApart(run, item.item, INPUT, payload.input);
    if (payload.failure !== undefined) this.#putApart(run, item.item, FAILURE, payload.failure);
    recent.keepItem(run, { row, item, contents, input: inline });
  }

  putItem(item: WorkItem, placement: Placement): void {
    const { db, ids, recent } = this.#tables;
    const run = this.#runs.find(item.runId);
    const known = this.#find(item.runId, item.item);
    if (run === undefined || known === undefined) return;
    db.statement(UPDATE_ITEM).run(...changingValues(item, placement, ids), known.row);
    // An item that ended is hardly asked for again.
    if (item.endedAt !== undefined) recent.removeItem(run, item.item);
    else recent.keepItem(run, { row: known.row, item, contents: known.contents, input: known.input });
  }

  putPlacement(runId: string, item: number, placement: Placement): void {
    const found = this.#find(runId, item);
    if (found === undefined) return;
    const [place, placeKey] = placeValues(found.item.status, placement);
    this.#tables.db.statement("UPDATE item SET place = ?, place_key = ? WHERE id = ?").run(place, placeKey, found.row);
  }

  putInput(runId: string, item: number, input: Uint8Array): void {
    const found = this.#find(runId, item);
    const run = this.#runs.find(runId);
    if (found === undefined || run === undefined) return;
    const inline = input.length <= INLINE_BYTES ? new Uint8Array(input) : undefined;
    const contents = (found.contents & ~(INPUT_HERE | INPUT_APART)) | (inline === undefined ? INPUT_APART : INPUT_HERE);
    this.#removeApart(run, item, INPUT);
    if (inline === undefined) this.#putApart(run, item, INPUT, input);
    const update = this.#tables.db.statement("UPDATE item SET input = ?, contents = ? WHERE id = ?");
    update.run(inline ?? null, contents, found.row);
    this.#tables.recent.keepItem(run, { row: found.row, item: found.item, contents, input: inline });
  }

  items(filter: ItemFilter, page: PageRequest): Page<WorkItem> {
    return listItems(this.#tables, this.#runs, filter, page);
  }

  unfinished(runId: string): readonly WorkItem[] {
    return this.#ofRun(runId, ITEM_QUERIES.ofRun);
  }

  aside(runId: string): readonly WorkItem[] {
    return this.#ofRun(runId, ITEM_QUERIES.aside);
  }

  heldNodes(runId: string): readonly string[] {
    const run = this.#runs.find(runId);
    if (run === undefined) return [];
    const rows = this.#tables.db.statement(ITEM_QUERIES.heldNodes).all(run.number);
    return rows.map((row) => textAt(row, 0)).sort();
  }

  itemsOf(session: string): readonly WorkItem[] {
    const id = this.#tables.ids.findSession(session);
    if (id === undefined) return [];
    const rows = this.#tables.db.statement(ITEM_QUERIES.ofSession).all(id);
    const items = rows.flatMap((row) => this.#readable(row) ?? []);
    return items.sort(compareItems);
  }

  memos(runId: string, item: number): ReadonlyMap<string, Uint8Array> {
    const found = this.#find(runId, item);
    const run = this.#runs.find(runId);
    if (found === undefined || run === undefined || !(found.contents & HAS_MEMOS)) return NO_MEMOS;
    const rows = this.#tables.db
      .statement("SELECT name, value FROM memo WHERE run = ? AND item = ? ORDER BY rowid")
      .all(run.number, item);
    return new Map(rows.map((row) => [textAt(row, 0), bytesAt(row, 1)]));
  }

  insertMemo(runId: string, item: number, name: string, value: Uint8Array): void {
    const found = this.#find(runId, item);
    const run = this.#runs.find(runId);
    if (found === undefined || run === undefined) return;
    const { db, recent } = this.#tables;
    db.statement("INSERT INTO memo (run, item, name, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING").run(
      run.number,
      item,
      toStoredText(name),
      value,
    );
    if (found.contents & HAS_MEMOS) return;
    const contents = found.contents | HAS_MEMOS;
    db.statement("UPDATE item SET contents = ? WHERE id = ?").run(contents, found.row);
    recent.keepItem(run, { ...found, contents });
  }

  #find(runId: string, item: number): RecentItem | undefined {
    const run = this.#runs.find(runId);
    if (run === undefined) return undefined;
    const known = run.items.get(item);
    if (known !== undefined) return known;
    const row = this.#tables.db.statement(ITEM_QUERIES.byNumber).get(run.number, item);
    if (row === undefined) return undefined;
    const found = {
      row: numberAt(row, ROW_AT),
      item: readItem(row, runId, this.#tables.ids),
      contents: numberAt(row, CONTENTS_AT),
      input: optionalBytesAt(row, INPUT_AT),
    };
    return found.item.endedAt === undefined ? this.#tables.recent.keepItem(run, found) : found;
  }

  /** Nothing for a row that is damaged: what a session holds beside it must not be lost with it. */
  #readable(row: SqlRow): WorkItem | undefined {
    try {
      return readItem(row, this.#runs.nameOf(numberAt(row, 0)), this.#tables.ids);
    } catch (error) {
      if (isMillraceError(error, "BACKEND_CORRUPT")) return undefined;
      throw error;
    }
  }

  #ofRun(runId: string, sql: string): readonly WorkItem[] {
    const run = this.#runs.find(runId);
    if (run === undefined) return [];
    const rows = this.#tables.db.statement(sql).all(run.number);
    return rows.map((row) => readItem(row, runId, this.#tables.ids));
  }

  #apart(runId: string, item: number, kind: number): Uint8Array | undefined {
    const run = this.#runs.find(runId);
    if (run === undefined) return undefined;
    const row = this.#tables.db
      .statement("SELECT value FROM payload WHERE run = ? AND item = ? AND kind = ?")
      .get(run.number, item, kind);
    return row === undefined ? undefined : bytesAt(row, 0);
  }

  #putApart(run: RecentRun, item: number, kind: number, value: Uint8Array): void {
    this.#tables.db
      .statement("INSERT INTO payload (run, item, kind, value) VALUES (?, ?, ?, ?)")
      .run(run.number, item, kind, value);
  }

  #removeApart(run: RecentRun, item: number, kind: number): void {
    this.#tables.db
      .statement("DELETE FROM payload WHERE run = ? AND item = ? AND kind = ?")
      .run(run.number, item, kind);
  }
}

/** By run, then number. */
export function compareItems(a: WorkItem, b: WorkItem): number {
  if (a.runId === b.runId) return a.item - b.item;
  return a.runId < b.runId ? -1 : 1;
}

const NO_MEMOS: ReadonlyMap<string, Uint8Array> = new Map();
