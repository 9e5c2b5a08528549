/** Cuts one page out of rows that come in the order of their list. */

import type { Page, PageRequest } from "../contract/run.ts";
import { encodeCursor } from "../synchronous/paging.ts";

/** The first rows that are wanted, and the cursor of the last of them if another one follows. */
export function pageOf<T, R>(
  list: string,
  rows: Iterable<T>,
  page: PageRequest,
  give: {
    readonly entry: (row: T) => R;
    readonly position: (row: T) => readonly (string | number)[];
    readonly where?: (row: T) => boolean;
  },
): Page<R> {
  const limit = page.limit ?? Number.POSITIVE_INFINITY;
  const entries: R[] = [];
  let last: T | undefined;
  for (const row of rows) {
    if (give.where?.(row) === false) continue;
    if (last !== undefined && entries.length >= limit)
      return { entries, cursor: encodeCursor(list, give.position(last)) };
    entries.push(give.entry(row));
    last = row;
  }
  return { entries };
}

/** The rows of a list that only grows, from an index on, each with its own index. */
export function* numbered<T>(
  rows: readonly T[],
  from: number,
): Generator<{ readonly at: number; readonly row: T }, undefined> {
  for (let at = from; at < rows.length; at += 1) {
    const row = rows[at];
    if (row !== undefined) yield { at, row };
  }
}

/** The first rows, as long as they are wanted. */
export function take<T>(rows: Iterable<T>, limit: number, wanted: (row: T) => boolean): readonly T[] {
  const taken: T[] = [];
  for (const row of rows) {
    if (taken.length >= limit || !wanted(row)) break;
    taken.push(row);
  }
  return taken;
}

/** Bytes of our own: whoever gave or gets them may change theirs. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
