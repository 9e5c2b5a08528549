/**
 * Who of a run's serializable items runs next on this worker: one after the other, each on a context that contains what
 * the one before it changed. While changes of a run are on their way to the store, its line waits for the answer, since a
 * commit can only build on earlier ones of its own request.
 */

import type { ActiveItem } from "./active-item.ts";

interface Line {
  readonly waiting: ActiveItem[];
  running: ActiveItem | undefined;
}

export class RunLines {
  readonly #lines = new Map<string, Line>();
  readonly #start: (item: ActiveItem) => void;
  #blocked: ReadonlySet<string> = new Set();

  /** `start` is called for an item whose turn it is. */
  constructor(start: (item: ActiveItem) => void) {
    this.#start = start;
  }

  /** Takes its place at the end of its run's line, and starts if it is the first. */
  enter(item: ActiveItem): void {
    const line = this.#lines.get(item.runId) ?? { waiting: [], running: undefined };
    this.#lines.set(item.runId, line);
    line.waiting.push(item);
    this.#advance(item.runId, line);
  }

  /** It has run, or will not: the next one's turn. Does nothing for an item that stands in no line. */
  leave(item: ActiveItem): void {
    const line = this.#lines.get(item.runId);
    if (line === undefined) return;
    if (line.running === item) line.running = undefined;
    else {
      const at = line.waiting.indexOf(item);
      if (at >= 0) line.waiting.splice(at, 1);
    }
    this.#advance(item.runId, line);
  }

  /** Changes of these runs are on their way. */
  block(runs: ReadonlySet<string>): void {
    this.#blocked = runs;
  }

  /** The store has answered. */
  unblock(): void {
    const blocked = this.#blocked;
    this.#blocked = new Set();
    for (const runId of blocked) {
      const line = this.#lines.get(runId);
      if (line !== undefined) this.#advance(runId, line);
    }
  }

  #advance(runId: string, line: Line): void {
    if (line.running !== undefined || this.#blocked.has(runId)) return;
    const next = line.waiting.shift();
    if (next === undefined) {
      this.#lines.delete(runId);
      return;
    }
    line.running = next;
    this.#start(next);
  }
}
