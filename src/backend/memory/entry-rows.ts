/** Entries in memory, by kind and key, and in the order of each list. Values are copied on the way in and out: nobody outside holds ours. */

import { DUE_ENTRIES, type Entry, type EntryPlace, type RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { compareText, OrderedRows } from "./ordered-rows.ts";
import { copyOf, take } from "./row-page.ts";

type EntryMethods = Pick<RowStore, "entry" | "putEntry" | "removeEntry" | "entries">;

interface Position {
  readonly at: number;
  readonly key: string;
}

interface Placed extends Position {
  readonly entry: Entry;
}

/** An entry with the very rows that its lists hold of it: a list takes out no other. */
interface Kept {
  readonly entry: Entry;
  readonly placed: readonly { readonly list: OrderedRows<Position, Placed>; readonly row: Placed }[];
}

export class EntryTable {
  readonly #journal: Journal;
  readonly #byKey = new Map<string, Kept>();
  readonly #byRun = new Map<string, Map<string, Entry>>();
  readonly #lists = new Map<string, OrderedRows<Position, Placed>>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** When the first entry in the list of due ones is due. */
  firstDue(): number | undefined {
    return this.#lists.get(DUE_ENTRIES)?.first()?.at;
  }

  /** Removes the entries that go away with the run. */
  removeOf(runId: string): void {
    for (const { kind, key } of [...(this.#byRun.get(runId)?.values() ?? [])]) this.#remove(kind, key);
  }

  /** Entries that go away with the run, by kind and key. */
  ofRun(runId: string): readonly Entry[] {
    return [...(this.#byRun.get(runId)?.values() ?? [])].sort(
      (a, b) => compareText(a.kind, b.kind) || compareText(a.key, b.key),
    );
  }

  rows(): EntryMethods {
    return {
      entry: (kind, key) => ownCopy(this.#byKey.get(keyOf(kind, key))?.entry),
      putEntry: (entry) => this.#put(entry),
      removeEntry: ({ kind, key }) => this.#remove(kind, key),
      entries: (list, { after, upTo = Number.POSITIVE_INFINITY, limit }) => {
        const rows = this.#lists.get(list)?.ascending(after) ?? [];
        return take(rows, limit, ({ at }) => at <= upTo).map(({ entry }) => copyOfEntry(entry));
      },
    };
  }

  #put(given: Entry): void {
    const entry = copyOfEntry(given);
    this.#remove(entry.kind, entry.key);
    const key = keyOf(entry.kind, entry.key);
    const placed = entry.places.map((place) => ({
      list: this.#listOf(place),
      row: { at: place.at, key: entry.key, entry },
    }));
    this.#journal.set(this.#byKey, key, { entry, placed });
    if (entry.runId !== undefined) this.#setOfRun(entry.runId, key, entry);
    for (const { list, row } of placed) list.insert(row);
  }

  #remove(kind: string, key: string): void {
    const known = keyOf(kind, key);
    const kept = this.#byKey.get(known);
    if (kept === undefined) return;
    this.#journal.set(this.#byKey, known, undefined);
    if (kept.entry.runId !== undefined) this.#setOfRun(kept.entry.runId, known, undefined);
    for (const { list, row } of kept.placed) list.remove(row);
  }

  /** Keeps no empty map, so that this does not outgrow what is in it. */
  #setOfRun(runId: string, key: string, entry: Entry | undefined): void {
    const before = this.#byRun.get(runId)?.get(key);
    const set = (value: Entry | undefined): void => {
      const entries = this.#byRun.get(runId) ?? new Map<string, Entry>();
      if (value === undefined) entries.delete(key);
      else entries.set(key, value);
      if (entries.size === 0) this.#byRun.delete(runId);
      else this.#byRun.set(runId, entries);
    };
    set(entry);
    this.#journal.changed(() => set(before));
  }

  #listOf({ list }: EntryPlace): OrderedRows<Position, Placed> {
    const known = this.#lists.get(list);
    if (known !== undefined) return known;
    const made = new OrderedRows<Position, Placed>(this.#journal, comparePositions);
    this.#lists.set(list, made);
    return made;
  }
}

function keyOf(kind: string, key: string): string {
  return JSON.stringify([kind, key]);
}

function comparePositions(a: Position, b: Position): number {
  return a.at - b.at || compareText(a.key, b.key);
}

function copyOfEntry(entry: Entry): Entry {
  return entry.value === undefined ? entry : { ...entry, value: copyOf(entry.value) };
}

function ownCopy(entry: Entry | undefined): Entry | undefined {
  return entry && copyOfEntry(entry);
}
