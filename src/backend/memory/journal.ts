/**
 * Makes a function over rows in memory atomic: every change is recorded with its inverse, and when the function throws, the
 * inverses run backwards. Invariant: rows change only while a step is open, so that no change can be left half undone.
 */

import { MillraceError } from "../../core/errors.ts";

export class Journal {
  #undo: (() => void)[] | undefined;

  /** Runs `work`; nothing of it stays when it throws. */
  atomically<T>(work: () => T): T {
    const undo: (() => void)[] = [];
    this.#undo = undo;
    try {
      return work();
    } catch (thrown) {
      for (const inverse of undo.reverse()) inverse();
      throw thrown;
    } finally {
      this.#undo = undefined;
    }
  }

  /** Told of every change, with what takes it back. */
  changed(inverse: () => void): void {
    if (this.#undo === undefined)
      throw new MillraceError("INTERNAL", "rows in memory change only inside an atomic step");
    this.#undo.push(inverse);
  }

  /** Sets one entry of a map; `undefined` removes it. */
  set<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
    const before = map.get(key);
    put(map, key, value);
    this.changed(() => put(map, key, before));
  }

  /** Appends one entry to a list. */
  append<T>(list: T[], value: T): void {
    list.push(value);
    this.changed(() => list.pop());
  }
}

function put<K, V>(map: Map<K, V>, key: K, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
