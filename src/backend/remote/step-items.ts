/**
 * Work items as one run of a step sees them: what was loaded, with what the step has written laid over it. Lists of
 * claimable items are answered from what the server listed, without what the step has moved and with what it has made.
 * Invariant: a list is given in its order and without a gap, or its want is asked for again with a wider bound.
 */

import { isOpenItem } from "../../core/status.ts";
import type { ItemPayload, WorkItem } from "../contract/work-item.ts";
import type { LaneSelection, Placement } from "../synchronous/row-store.ts";
import type { InsertedItem, StoredItem, UpdatedItem } from "./changes.ts";
import type { ListKey } from "./remote-store.ts";
import { itemKey, type RowCache } from "./row-cache.ts";
import type { Want } from "./wants.ts";

/** A row that the step has written. */
interface Written extends StoredItem {
  /** As loaded; absent for a row that the step made. */
  readonly before: StoredItem | undefined;
  readonly payload: ItemPayload | undefined;
}

interface Ranked {
  readonly at: number;
  readonly item: WorkItem;
}

export class StepItems {
  readonly #cache: RowCache;
  readonly #written = new Map<string, Written>();
  /** Results and answers that the step has kept, by item and name. */
  readonly #memos = new Map<string, Map<string, Uint8Array>>();
  /** Rows to be asked for, though the step could go on without them. */
  readonly #later: Want[];

  constructor(cache: RowCache, later: Want[]) {
    this.#cache = cache;
    this.#later = later;
  }

  item(runId: string, item: number): WorkItem | undefined {
    return this.#find(runId, item)?.item;
  }

  payload(runId: string, item: number): ItemPayload | undefined {
    const key = itemKey(runId, item);
    const made = this.#written.get(key)?.payload;
    if (made !== undefined) return made;
    if (this.#cache.payloads.has(key)) return this.#cache.payloads.get(key);
    // Nothing is decided by what an item carries: the step goes on, and is run again when it is there.
    this.#later.push({ kind: "payload", runId, item });
    return undefined;
  }

  memos(runId: string, item: number): ReadonlyMap<string, Uint8Array> {
    const key = itemKey(runId, item);
    const isMade = this.#written.get(key) !== undefined && this.#written.get(key)?.before === undefined;
    if (!this.#cache.memosOfItems.has(key) && !isMade) {
      this.#later.push({ kind: "memos", runId, item });
    }
    const loaded = this.#cache.memosOfItems.get(key) ?? new Map<string, Uint8Array>();
    const kept = this.#memos.get(key);
    return kept === undefined ? loaded : new Map([...kept, ...loaded]);
  }

  /** The first of a name stays. */
  keepMemo(runId: string, item: number, name: string, value: Uint8Array): void {
    const key = itemKey(runId, item);
    const kept = this.#memos.get(key) ?? new Map<string, Uint8Array>();
    if (!kept.has(name)) kept.set(name, value);
    this.#memos.set(key, kept);
  }

  insert(item: WorkItem, payload: ItemPayload, placement: Placement, definition: string): void {
    const key = itemKey(item.runId, item.item);
    this.#written.set(key, { item, payload, placement, definition, before: undefined });
  }

  put(item: WorkItem, placement: Placement): void {
    const row = this.#find(item.runId, item.item);
    if (row !== undefined) this.#write(row, { item, placement });
  }

  place(runId: string, item: number, placement: Placement): void {
    const row = this.#find(runId, item);
    if (row !== undefined && !isSamePlace(row.placement, placement)) this.#write(row, { item: row.item, placement });
  }

  unfinished(runId: string): readonly WorkItem[] {
    return this.#ofRun(runId, { kind: "unfinished", runId }, ({ item }) => isUnfinished(item));
  }

  aside(runId: string): readonly WorkItem[] {
    return this.#ofRun(runId, { kind: "aside", runId }, ({ placement }) => placement.kind === "aside");
  }

  heldNodes(runId: string): readonly string[] {
    const nodes = new Set(this.#list({ kind: "heldNodes", runId }).keys.map(String));
    for (const { item } of this.#written.values()) {
      if (item.runId === runId && item.status === "held") nodes.add(item.node);
    }
    return [...nodes].sort();
  }

  itemsOf(session: string): readonly WorkItem[] {
    const want: Want = { kind: "itemsOf", session };
    return this.#all(want, ({ item }) => item.status === "in_progress" && item.session === session).map(
      ({ item }) => item,
    );
  }

  ready({ queues, definitions, labels }: LaneSelection, stalled: boolean, limit: number): readonly WorkItem[] {
    const selection = { queues, definitions, labels };
    return this.#ordered(
      (bound) => ({ kind: "ready", selection, stalled, limit: bound }),
      ({ placement }) => (placement.kind === "ready" && placement.stalled === stalled ? placement.rank : undefined),
      (row) => isSelected(row, selection),
      limit,
    );
  }

  due(now: number, limit: number): readonly WorkItem[] {
    return this.#ordered(
      (bound) => ({ kind: "due", limit: bound }),
      ({ placement }) => (placement.kind === "due" && placement.at <= now ? placement.at : undefined),
      () => true,
      limit,
    );
  }

  /** Forgets what was written of a run that the step removes. */
  remove(runId: string): void {
    for (const [key, { item }] of this.#written) if (item.runId === runId) this.#written.delete(key);
  }

  inserted(): readonly InsertedItem[] {
    const made: InsertedItem[] = [];
    for (const { before, payload, ...row } of this.#written.values()) {
      if (before === undefined) made.push({ ...row, payload: payload ?? NOTHING });
    }
    return made;
  }

  updated(): readonly UpdatedItem[] {
    const changed: UpdatedItem[] = [];
    for (const { before, payload: _unchanged, ...row } of this.#written.values()) {
      if (before !== undefined) changed.push({ ...row, before });
    }
    return changed;
  }

  /** Runs of which items were put aside: that is right only as long as the run is what it was. */
  runsOfAside(): readonly string[] {
    const runs = new Set<string>();
    for (const { item, placement } of this.#written.values()) if (placement.kind === "aside") runs.add(item.runId);
    return [...runs];
  }

  #find(runId: string, item: number): StoredItem | undefined {
    const key = itemKey(runId, item);
    const row = this.#written.get(key);
    if (row !== undefined) return row;
    if (!this.#cache.items.has(key)) throw this.#cache.missing([{ kind: "item", runId, item, hold: true }]);
    return this.#cache.items.get(key);
  }

  #write(row: StoredItem, { item, placement }: Pick<StoredItem, "item" | "placement">): void {
    const key = itemKey(item.runId, item.item);
    const written = this.#written.get(key);
    const before = written === undefined ? row : written.before;
    const { definition } = row;
    this.#written.set(key, { item, placement, definition, before, payload: written?.payload });
  }

  #list(want: Want): { readonly keys: readonly ListKey[]; readonly complete: boolean } {
    const list = this.#cache.listOf(want);
    if (list === undefined) throw this.#cache.missing([want]);
    return list;
  }

  /** Rows of a list, as they are now, and those written by the step that would be in it. */
  #all(want: Want, isIn: (row: StoredItem) => boolean): readonly StoredItem[] {
    return this.#rowsOf(this.#list(want).keys, isIn, isIn);
  }

  #ofRun(runId: string, want: Want, isIn: (row: StoredItem) => boolean): readonly WorkItem[] {
    const rows = this.#all(want, (row) => row.item.runId === runId && isIn(row));
    return rows.map(({ item }) => item).sort((a, b) => a.item - b.item);
  }

  #rowsOf(
    keys: readonly ListKey[],
    isIn: (row: StoredItem) => boolean,
    isNew: (row: StoredItem) => boolean,
  ): readonly StoredItem[] {
    const rows: StoredItem[] = [];
    const listed = new Set<string>();
    for (const key of keys) {
      if (typeof key === "string" || !("runId" in key)) continue;
      const row = this.#find(key.runId, key.item);
      listed.add(itemKey(key.runId, key.item));
      if (row !== undefined && isIn(row)) rows.push(row);
    }
    for (const [key, row] of this.#written) if (!listed.has(key) && isNew(row)) rows.push(row);
    return rows;
  }

  /** The first of an ordered list. `orderOf`: where a row lies in it, if it does. */
  #ordered(
    wantOf: (limit: number) => Want,
    orderOf: (row: StoredItem) => number | undefined,
    isSelected: (row: StoredItem) => boolean,
    limit: number,
  ): readonly WorkItem[] {
    for (let bound = limit; ; bound *= 4) {
      const want = wantOf(bound);
      const { keys, complete } = this.#list(want);
      const isIn = (row: StoredItem): boolean => orderOf(row) !== undefined;
      const rows = this.#rowsOf(keys, isIn, (row) => isIn(row) && isSelected(row));
      const ranked = rows.map((row): Ranked => ({ at: orderOf(row) ?? 0, item: row.item })).sort(compareRanked);
      const certain = complete ? ranked : ranked.filter((row) => !this.#isBeyond(row, keys, orderOf));
      if (complete || certain.length >= limit) return certain.slice(0, limit).map(({ item }) => item);
    }
  }

  /** What lies behind the last that the server listed: others that it did not list may come before. */
  #isBeyond(row: Ranked, keys: readonly ListKey[], orderOf: (row: StoredItem) => number | undefined): boolean {
    const last = keys.at(-1);
    if (last === undefined || typeof last === "string" || !("runId" in last)) return true;
    const loaded = this.#cache.items.get(itemKey(last.runId, last.item));
    const at = loaded === undefined ? undefined : orderOf(loaded);
    return loaded === undefined || at === undefined || compareRanked(row, { at, item: loaded.item }) > 0;
  }
}

const NOTHING: ItemPayload = { input: undefined, failure: undefined };

function isUnfinished({ status }: WorkItem): boolean {
  return isOpenItem(status) || status === "permanently_failed" || status === "held";
}

function isSelected({ item, definition }: StoredItem, selection: LaneSelection): boolean {
  return (
    selection.queues.includes(item.queue) &&
    selection.definitions.includes(definition) &&
    item.labels.every((label) => selection.labels.includes(label))
  );
}

function isSamePlace(a: Placement, b: Placement): boolean {
  if (a.kind === "ready") return b.kind === "ready" && a.rank === b.rank && a.stalled === b.stalled;
  return a.kind === "due" ? b.kind === "due" && a.at === b.at : a.kind === b.kind;
}

function compareRanked(a: Ranked, b: Ranked): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.item.runId !== b.item.runId) return a.item.runId < b.item.runId ? -1 : 1;
  return a.item.item - b.item.item;
}
