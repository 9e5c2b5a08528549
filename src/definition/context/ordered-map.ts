/**
 * A persistent map with string keys that remembers the order in which they were added, as `Map` does: a replaced value
 * stays in its place, a key that was deleted and added again goes to the end. Every change gives a new map and leaves
 * the old one as it was; its cost grows with the logarithm of the size. Invariant: every key of the index leads to the
 * slot with that key's entry, or to a hole.
 */

import { emptyIndex, type KeyIndex, numberOf, pointTo } from "./key-index.ts";
import { appendTo, elementAt, elementsOf, emptyVector, replaceAt, type Vector } from "./vector.ts";

/** Holes are tolerated up to this many, or as many as there are entries; then the map is built anew. */
const TOLERATED_HOLES = 32;

/** Values of this type are immutable. */
export interface OrderedMap<V> {
  readonly size: number;
  readonly index: KeyIndex;
  /** Entries in the order they were added; `undefined` where one was deleted. */
  readonly slots: Vector<MapEntry<V> | undefined>;
}

/** A key and its value. */
export interface MapEntry<V> {
  readonly key: string;
  readonly value: V;
}

/** A map without entries. */
export function emptyMap<V>(): OrderedMap<V> {
  return { size: 0, index: emptyIndex(), slots: emptyVector() };
}

/** The entry of a key. */
export function entryOf<V>(map: OrderedMap<V>, key: string): MapEntry<V> | undefined {
  const slot = numberOf(map.index, key);
  return slot === undefined ? undefined : elementAt(map.slots, slot);
}

/** The map with the key leading to the value. */
export function withEntry<V>(map: OrderedMap<V>, key: string, value: V): OrderedMap<V> {
  const slot = numberOf(map.index, key);
  const entry = { key, value };
  if (slot !== undefined && elementAt(map.slots, slot) !== undefined) {
    return { size: map.size, index: map.index, slots: replaceAt(map.slots, slot, entry) };
  }
  return {
    size: map.size + 1,
    index: pointTo(map.index, key, map.slots.length),
    slots: appendTo(map.slots, [entry]),
  };
}

/** The map without the key; the same map if it has none. */
export function withoutEntry<V>(map: OrderedMap<V>, key: string): OrderedMap<V> {
  const slot = numberOf(map.index, key);
  if (slot === undefined || elementAt(map.slots, slot) === undefined) {
    return map;
  }
  const smaller = { size: map.size - 1, index: map.index, slots: replaceAt(map.slots, slot, undefined) };
  const holes = smaller.slots.length - smaller.size;
  return holes > Math.max(TOLERATED_HOLES, smaller.size) ? mapOf(entriesOf(smaller)) : smaller;
}

/** The entries in order. */
export function* entriesOf<V>(map: OrderedMap<V>): Generator<MapEntry<V>, void> {
  for (const entry of elementsOf(map.slots)) {
    if (entry !== undefined) {
      yield entry;
    }
  }
}

function mapOf<V>(entries: Iterable<MapEntry<V>>): OrderedMap<V> {
  let map = emptyMap<V>();
  for (const { key, value } of entries) {
    map = withEntry(map, key, value);
  }
  return map;
}
