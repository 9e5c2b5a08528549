/** Entries as one run of a step sees them: what was loaded, with what the step has written laid over it. */

import { DUE_ENTRIES, type Entry, type EntryRange, type RowStore } from "../synchronous/row-store.ts";
import type { Changes } from "./changes.ts";
import { pairKey, type RowCache } from "./row-cache.ts";
import type { Want } from "./wants.ts";

interface Written {
  readonly kind: string;
  readonly key: string;
  readonly after: Entry | undefined;
}

interface Listed {
  readonly at: number;
  readonly entry: Entry;
}

type EntryMethods = "entry" | "putEntry" | "removeEntry" | "entries";

/** Lists from which any worker takes what it gets: entries that another step holds are left to it. */
const SHARED_OUT: ReadonlySet<string> = new Set([DUE_ENTRIES]);

export class StepEntries implements Pick<RowStore, EntryMethods> {
  readonly #cache: RowCache;
  readonly #written = new Map<string, Written>();

  constructor(cache: RowCache) {
    this.#cache = cache;
  }

  entry(kind: string, key: string): Entry | undefined {
    const written = this.#written.get(pairKey(kind, key));
    return written === undefined ? this.#loaded(kind, key) : written.after;
  }

  putEntry(entry: Entry): void {
    const { kind, key } = entry;
    this.#written.set(pairKey(kind, key), { kind, key, after: entry });
  }

  removeEntry({ kind, key }: Pick<Entry, "kind" | "key">): void {
    this.#written.set(pairKey(kind, key), { kind, key, after: undefined });
  }

  entries(list: string, { after, upTo, limit }: EntryRange): readonly Entry[] {
    const skip = SHARED_OUT.has(list);
    // What the step has taken out of the list may have to be made up for.
    for (let bound = limit; ; bound *= 4) {
      const want: Want = { kind: "entries", list, after, skip, limit: bound };
      const loaded = this.#cache.listOf(want);
      if (loaded === undefined) throw this.#cache.missing([want]);
      const listed = loaded.keys.flatMap((key) => this.#listed(list, key));
      const rows = this.#overlaid(listed, list, { after, upTo });
      const last = loaded.complete ? undefined : listed.at(-1);
      const isComplete = last === undefined || (upTo !== undefined && last.at > upTo);
      const certain = isComplete ? rows : rows.filter((row) => compareListed(row, last) <= 0);
      if (isComplete || certain.length >= limit) return certain.slice(0, limit).map(({ entry }) => entry);
    }
  }

  remove(runId: string): void {
    for (const [key, { after }] of this.#written) if (after?.runId === runId) this.#written.delete(key);
  }

  /** Entries of removed runs go with these: they are not listed. */
  changes(removed: ReadonlySet<string>): Changes["entries"] {
    return [...this.#written].flatMap(([name, { kind, key, after }]) => {
      const before = this.#cache.entries.get(name);
      const isGone = before?.runId !== undefined && removed.has(before.runId);
      return (before === undefined && after === undefined) || isGone ? [] : [{ kind, key, before, after }];
    });
  }

  #loaded(kind: string, key: string): Entry | undefined {
    const name = pairKey(kind, key);
    if (!this.#cache.entries.has(name)) throw this.#cache.missing([{ kind: "entry", entryKind: kind, key }]);
    return this.#cache.entries.get(name);
  }

  /** As loaded: what the step has made of it is laid over it later. */
  #listed(list: string, key: unknown): readonly Listed[] {
    const entry = isEntryKey(key) ? this.#loaded(key.kind, key.key) : undefined;
    return entry === undefined ? [] : placesIn(entry, list);
  }

  #overlaid(
    loaded: readonly Listed[],
    list: string,
    { after, upTo = Number.POSITIVE_INFINITY }: Omit<EntryRange, "limit">,
  ): readonly Listed[] {
    const isAsLoaded = ({ at, entry }: Listed): boolean =>
      at <= upTo && !this.#written.has(pairKey(entry.kind, entry.key));
    const rows = loaded.filter(isAsLoaded);
    for (const { after: written } of this.#written.values()) {
      const places = written === undefined ? [] : placesIn(written, list);
      rows.push(...places.filter((row) => row.at <= upTo && (after === undefined || comparePlaces(after, row) < 0)));
    }
    return rows.sort(compareListed);
  }
}

function comparePlaces(after: { readonly at: number; readonly key: string }, { at, entry }: Listed): number {
  if (after.at !== at) return after.at - at;
  return after.key === entry.key ? 0 : after.key < entry.key ? -1 : 1;
}

function compareListed(a: Listed, b: Listed): number {
  return comparePlaces({ at: a.at, key: a.entry.key }, b);
}

function placesIn(entry: Entry, list: string): readonly Listed[] {
  return entry.places.flatMap((place) => (place.list === list ? [{ at: place.at, entry }] : []));
}

function isEntryKey(key: unknown): key is { readonly kind: string; readonly key: string } {
  return typeof key === "object" && key !== null && "kind" in key && "key" in key;
}
