/**
 * What nodes and readers get their hands on for fields with one value: an object with a getter, and for nodes with the
 * functions that change the field. A class, since accessors written into an object literal cost the engine a hidden
 * class for each object. Invariant: instances are frozen.
 */

import type { Fixed } from "./accessors.ts";

/** Reads one value. Subclasses add functions and freeze. */
export class ValueView<T> implements Fixed<T> {
  readonly #read: () => T;

  constructor(read: () => T) {
    this.#read = read;
  }

  get value(): T {
    return this.#read();
  }
}

/** A view of one value and nothing else. */
export function valueView<T>(read: () => T): Fixed<T> {
  return Object.freeze(new ValueView(read));
}
