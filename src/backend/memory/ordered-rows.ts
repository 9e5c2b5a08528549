/**
 * Rows in an order, as an index of a database keeps them: inserting, removing and starting anywhere cost little however many
 * there are. The rows lie in sorted chunks of bounded length. Invariant: no chunk is empty, and none is longer than the bound.
 */

import type { Journal } from "./journal.ts";

const MAX_CHUNK = 256;

/** Rows of type `T`, each at the place that its key part `K` gives it. No two rows compare equal. */
export class OrderedRows<K, T extends K> {
  readonly #compare: (a: K, b: K) => number;
  readonly #journal: Journal;
  readonly #chunks: T[][] = [];
  #size = 0;

  constructor(journal: Journal, compare: (a: K, b: K) => number) {
    this.#journal = journal;
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  insert(row: T): void {
    this.#insert(row);
    this.#journal.changed(() => this.#remove(row));
  }

  remove(row: T): void {
    this.#remove(row);
    this.#journal.changed(() => this.#insert(row));
  }

  first(): T | undefined {
    return this.#chunks[0]?.[0];
  }

  /** Upwards, from the start or from what comes after `key`. The rows must not change meanwhile. */
  *ascending(key?: K): Generator<T, undefined> {
    let at = key === undefined ? 0 : this.#chunkFor(key);
    let from = key === undefined ? 0 : this.#place(at, key, true);
    for (; at < this.#chunks.length; at += 1) {
      const chunk = this.#chunks[at] ?? [];
      for (; from < chunk.length; from += 1) {
        const row = chunk[from];
        if (row !== undefined) yield row;
      }
      from = 0;
    }
  }

  /** Downwards, from the end or from what comes before `key`. The rows must not change meanwhile. */
  *descending(key?: K): Generator<T, undefined> {
    let at = key === undefined ? this.#chunks.length - 1 : this.#chunkFor(key);
    let from = key === undefined ? undefined : this.#place(at, key, false) - 1;
    for (; at >= 0; at -= 1) {
      const chunk = this.#chunks[at] ?? [];
      for (let index = from ?? chunk.length - 1; index >= 0; index -= 1) {
        const row = chunk[index];
        if (row !== undefined) yield row;
      }
      from = undefined;
    }
  }

  #insert(row: T): void {
    const at = this.#chunkFor(row);
    const chunk = this.#chunks[at];
    this.#size += 1;
    if (chunk === undefined) {
      this.#chunks.push([row]);
      return;
    }
    chunk.splice(this.#place(at, row, false), 0, row);
    if (chunk.length > MAX_CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(MAX_CHUNK / 2));
  }

  #remove(row: T): void {
    const at = this.#chunkFor(row);
    const chunk = this.#chunks[at];
    const place = this.#place(at, row, false);
    if (chunk?.[place] !== row) return;
    this.#size -= 1;
    if (chunk.length === 1) this.#chunks.splice(at, 1);
    else chunk.splice(place, 1);
  }

  /** The first chunk whose last row is not below the key; else the last one. */
  #chunkFor(key: K): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#chunks[middle]?.at(-1);
      if (last !== undefined && this.#compare(last, key) < 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(low, 0);
  }

  /** Number of rows of the chunk that are below the key, or, with `through`, not above it. */
  #place(at: number, key: K, through: boolean): number {
    const chunk = this.#chunks[at] ?? [];
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = chunk[middle];
      const order = row === undefined ? 1 : this.#compare(row, key);
      if (order < 0 || (through && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Orders texts by their UTF-16 code units: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
