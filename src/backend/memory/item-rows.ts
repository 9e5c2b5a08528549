/**
 * Work items in memory and the indexes that claims look at: ready ones by lane and rank, due ones by time, those aside by run,
 * those in progress by session. Where an item lies is decided by whoever writes it.
 */

import { isOpenItem } from "../../core/status.ts";
import type { ItemFilter, ItemPayload, WorkItem } from "../contract/work-item.ts";
import { decodeCursor } from "../synchronous/paging.ts";
import type { Placement, RowStore } from "../synchronous/row-store.ts";
import { compareKeys, type Index, type ItemRow, type Place } from "./item-row.ts";
import type { Journal } from "./journal.ts";
import { LaneTable } from "./lanes.ts";
import { compareText, OrderedRows } from "./ordered-rows.ts";
import { copyOf, pageOf, take } from "./row-page.ts";
import type { RunRow } from "./run-row.ts";
import type { RunTable } from "./run-rows.ts";

const ITEMS = "work items";

type ItemMethods = Pick<
  RowStore,
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
  | "ready"
  | "due"
  | "backlog"
>;

export class ItemTable {
  readonly #journal: Journal;
  readonly #runs: RunTable;
  readonly #lanes: LaneTable;
  readonly #due: Index;
  readonly #aside = new Map<string, Set<ItemRow>>();
  readonly #bySession = new Map<string, Set<ItemRow>>();

  constructor(journal: Journal, runs: RunTable) {
    this.#journal = journal;
    this.#runs = runs;
    this.#lanes = new LaneTable(journal);
    this.#due = new OrderedRows(journal, compareKeys);
  }

  /** When the first due item is due. */
  firstDue(): number | undefined {
    return this.#due.first()?.at;
  }

  holdsItems(session: string): boolean {
    return this.#bySession.has(session);
  }

  /** Takes the items of a run that is being removed out of the indexes. */
  removeOf(run: RunRow): void {
    for (const row of run.items) {
      this.#place(row, { kind: "none" });
      if (holder(row.item) !== undefined) this.#setMember(this.#bySession, holder(row.item), row, false);
    }
  }

  rows(): ItemMethods {
    return {
      item: (runId, item) => this.#row(runId, item)?.item,
      payload: (runId, item) => payloadOf(this.#row(runId, item)),
      insertItem: (item, payload, placement, definition) => this.#insert(item, payload, placement, definition),
      putItem: (item, placement) => this.#put(item, placement),
      putPlacement: (runId, item, placement) => {
        const row = this.#row(runId, item);
        if (row !== undefined) this.#place(row, placement);
      },
      putInput: (runId, item, input) => this.#putInput(runId, item, input),
      items: (filter, page) => {
        const [runId, item] = decodeCursor(ITEMS, page.cursor, ["string", "number"]) ?? [];
        return pageOf(ITEMS, this.#from(filter.runId, runId, item), page, {
          entry: (row) => row.item,
          position: (row) => [row.item.runId, row.item.item],
          where: (row) => matches(row.item, filter),
        });
      },
      unfinished: (runId) => this.#ofRun(runId, isUnfinished),
      aside: (runId) => [...(this.#aside.get(runId) ?? [])].map((row) => row.item).sort((a, b) => a.item - b.item),
      heldNodes: (runId) =>
        [...new Set(this.#ofRun(runId, (item) => item.status === "held").map((item) => item.node))].sort(compareText),
      itemsOf: (session) => [...(this.#bySession.get(session) ?? [])].map((row) => row.item),
      ready: (selection, stalled, limit) => this.#lanes.ready(selection, stalled, limit),
      due: (now, limit) =>
        take(this.#due.ascending(), limit, (entry) => entry.at <= now).map((entry) => entry.row.item),
      backlog: () => this.#lanes.backlog(),
    };
  }

  #row(runId: string, item: number): ItemRow | undefined {
    return this.#runs.get(runId)?.items[item];
  }

  #ofRun(runId: string, wanted: (item: WorkItem) => boolean): readonly WorkItem[] {
    return (this.#runs.get(runId)?.items ?? []).map((row) => row.item).filter(wanted);
  }

  #insert(item: WorkItem, payload: ItemPayload, placement: Placement, definition: string): void {
    const run = this.#runs.get(item.runId);
    if (run === undefined) return;
    const own = { input: payload.input && copyOf(payload.input), failure: payload.failure && copyOf(payload.failure) };
    const row: ItemRow = { item, payload: own, place: undefined, lane: this.#lanes.of(item, definition) };
    this.#journal.append(run.items, row);
    this.#place(row, placement);
  }

  #put(item: WorkItem, placement: Placement): void {
    const row = this.#row(item.runId, item.item);
    if (row === undefined) return;
    const before = row.item;
    row.item = item;
    this.#journal.changed(() => {
      row.item = before;
    });
    if (holder(before) !== holder(item)) {
      this.#setMember(this.#bySession, holder(before), row, false);
      this.#setMember(this.#bySession, holder(item), row, true);
    }
    this.#place(row, placement);
  }

  #putInput(runId: string, item: number, input: Uint8Array): void {
    const row = this.#row(runId, item);
    if (row === undefined) return;
    const before = row.payload;
    row.payload = { ...before, input: copyOf(input) };
    this.#journal.changed(() => {
      row.payload = before;
    });
  }

  #place(row: ItemRow, placement: Placement): void {
    const before = row.place;
    if (before?.kind === "indexed") before.index.remove(before.entry);
    else if (before?.kind === "aside") this.#setMember(this.#aside, row.item.runId, row, false);
    const place = this.#placeIn(row, placement);
    row.place = place;
    this.#journal.changed(() => {
      row.place = before;
    });
  }

  #placeIn(row: ItemRow, placement: Placement): Place {
    switch (placement.kind) {
      case "ready":
        return indexed(placement.stalled ? row.lane.stalled : row.lane.ready, row, placement.rank);
      case "due":
        return indexed(this.#due, row, placement.at);
      case "aside":
        this.#setMember(this.#aside, row.item.runId, row, true);
        return { kind: "aside" };
      case "none":
        return undefined;
    }
  }

  /** Keeps no empty set, so that the maps do not outgrow what is in them. */
  #setMember(sets: Map<string, Set<ItemRow>>, key: string | undefined, row: ItemRow, member: boolean): void {
    if (key === undefined) return;
    setMember(sets, key, row, member);
    this.#journal.changed(() => setMember(sets, key, row, !member));
  }

  /** Rows by run, then number, after the given one. */
  *#from(
    wanted: string | undefined,
    runId: string | undefined,
    item: number | undefined,
  ): Generator<ItemRow, undefined> {
    const started = runId === undefined ? undefined : this.#runs.get(runId);
    if (started !== undefined && (wanted === undefined || wanted === runId))
      yield* started.items.slice((item ?? 0) + 1);
    if (wanted === undefined) for (const run of this.#runs.ascending(runId)) yield* run.items;
    else if (runId === undefined) yield* this.#runs.get(wanted)?.items ?? [];
  }
}

function indexed(index: Index, row: ItemRow, at: number): Place {
  const entry = { at, runId: row.item.runId, item: row.item.item, row };
  index.insert(entry);
  return { kind: "indexed", index, entry };
}

function setMember(sets: Map<string, Set<ItemRow>>, key: string, row: ItemRow, member: boolean): void {
  const set = sets.get(key) ?? new Set();
  if (member) set.add(row);
  else set.delete(row);
  if (set.size === 0) sets.delete(key);
  else sets.set(key, set);
}

function holder(item: WorkItem): string | undefined {
  return item.status === "in_progress" ? item.session : undefined;
}

function payloadOf(row: ItemRow | undefined): ItemPayload | undefined {
  if (row === undefined) return undefined;
  const { input, failure } = row.payload;
  return { input: input && copyOf(input), failure: failure && copyOf(failure) };
}

function isUnfinished({ status }: WorkItem): boolean {
  return isOpenItem(status) || status === "permanently_failed" || status === "held";
}

function matches(item: WorkItem, { status, node, session, changedAfter }: ItemFilter): boolean {
  return (
    (status === undefined || status.includes(item.status)) &&
    (node === undefined || node === item.node) &&
    (session === undefined || session === item.session) &&
    (changedAfter === undefined || item.commit > changedAfter)
  );
}
