/**
 * Rows that this process has written or claimed lately, and which version of each: what it commits next is mostly among
 * them. None of them is trusted: a step that went by one is refused by the server if the row is not that version any more,
 * and then begins again without. Invariant: a row here was committed as it is.
 */

import type { ItemRow } from "./item-row.ts";
import type { RunRow } from "./run-row.ts";
import type { SessionRow } from "./session-row.ts";

const MOST_RUNS = 4_096;
const MOST_ITEMS = 8_192;
const MOST_SESSIONS = 64;

export class RecentRows {
  readonly runs = new Recent<RunRow>(MOST_RUNS);
  /** By `itemKey`. */
  readonly items = new Recent<ItemRow>(MOST_ITEMS);
  readonly sessions = new Recent<SessionRow>(MOST_SESSIONS);
  /** Whether claims have met runs of other sessions lately: then it is good to know of those beforehand. */
  meetsOthers = false;
}

/** The last so many rows that were kept, by key. */
class Recent<T> {
  readonly #rows = new Map<string, T>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): T | undefined {
    return this.#rows.get(key);
  }

  keep(key: string, row: T): void {
    this.#rows.delete(key);
    this.#rows.set(key, row);
    if (this.#rows.size <= this.#most) return;
    for (const oldest of this.#rows.keys()) {
      this.#rows.delete(oldest);
      return;
    }
  }

  forget(key: string): void {
    this.#rows.delete(key);
  }
}

export function itemKey(runId: string, item: number): string {
  return `${runId}.${item}`;
}
