/**
 * One page of a list that lies in several partitions: each gives the beginning of its part, and how far that goes; what is
 * certain of them together, in order, is the page. Invariant: pages join up, nothing is given twice, and nothing is left out.
 */

import type { Page } from "../contract/run.ts";
import { encodeCursor } from "../synchronous/paging.ts";

export type Position = readonly (string | number)[];

export interface Placed<T> {
  readonly position: Position;
  readonly entry: T;
}

/** The beginning of a list in one partition. */
export interface ListPart<T> {
  /** In order; one more than the page may have, if there are so many. */
  readonly entries: readonly Placed<T>[];
  /** As far as this goes, if there may be more behind. */
  readonly end: Position | undefined;
}

export type ComparePositions = (a: Position, b: Position) => number;

export function mergedPage<T>(
  list: string,
  parts: readonly ListPart<T>[],
  limit: number,
  compare: ComparePositions,
): Page<T> {
  const ends = parts.flatMap(({ end }) => (end === undefined ? [] : [end])).sort(compare);
  const [frontier] = ends;
  const placed = parts
    .flatMap(({ entries }) => entries)
    .filter(({ position }) => frontier === undefined || compare(position, frontier) <= 0)
    .sort((a, b) => compare(a.position, b.position));
  const given = placed.slice(0, limit);
  const entries = given.map(({ entry }) => entry);
  const last = placed.length > limit ? given.at(-1)?.position : frontier;
  return last === undefined ? { entries } : { entries, cursor: encodeCursor(list, last) };
}

/** Orders positions by their parts, upwards. Texts by their UTF-16 code units. */
export const upwards: ComparePositions = (a, b) => {
  for (const [at, part] of a.entries()) {
    const other = b[at];
    if (other === undefined || part === other) continue;
    return part < other ? -1 : 1;
  }
  return 0;
};

export const downwards: ComparePositions = (a, b) => upwards(b, a);
