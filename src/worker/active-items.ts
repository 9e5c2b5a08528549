/**
 * The items that a worker holds, and when the first of them runs out of time. One timer for all of them: most items end
 * long before their time is over, so nothing is set or cleared for a single one.
 */

import type { Clock, Timer } from "../core/ports.ts";
import type { ActiveItem } from "./active-item.ts";

/** Clocks count in fractions; a timer must not be found to have fired a moment too early. */
const TOLERANCE_MS = 1;

export class ActiveItems {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  readonly #items = new Map<string, ActiveItem>();
  #running = 0;
  #stalled = 0;
  #timer: { readonly at: number; readonly timer: Timer } | undefined;

  /** `onDue` is called when `due` may have something to tell. */
  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Items that have a slot. */
  get running(): number {
    return this.#running;
  }

  /** Whether one of them has stalled before. */
  get hasStalled(): boolean {
    return this.#stalled > 0;
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: string): ActiveItem | undefined {
    return this.#items.get(key);
  }

  [Symbol.iterator](): IterableIterator<ActiveItem> {
    return this.#items.values();
  }

  add(item: ActiveItem): void {
    this.#items.set(item.key, item);
    this.#running += 1;
    if (item.claimed.item.stalls > 0) this.#stalled += 1;
    this.#watch(item.limit.at);
  }

  /** Its outcome is there: its slot is free. */
  finish(item: ActiveItem): void {
    if (item.state !== "running") return;
    item.state = "finished";
    this.#running -= 1;
  }

  /** It has to run again after all. */
  resume(item: ActiveItem): void {
    if (item.state !== "finished") return;
    item.state = "running";
    this.#running += 1;
    this.#watch(item.limit.at);
  }

  /** It is no more of this worker's business. */
  remove(item: ActiveItem): void {
    if (this.#items.get(item.key) !== item) return;
    this.#items.delete(item.key);
    if (item.state === "running") this.#running -= 1;
    if (item.claimed.item.stalls > 0) this.#stalled -= 1;
  }

  /** Running items whose time is over. */
  due(): readonly ActiveItem[] {
    const now = this.#clock.monotonic() + TOLERANCE_MS;
    if (this.#timer === undefined || this.#timer.at > now) return [];
    this.#timer.timer.cancel();
    this.#timer = undefined;
    const due: ActiveItem[] = [];
    for (const item of this.#items.values()) {
      if (item.state !== "running") continue;
      if (item.limit.at <= now) due.push(item);
      else this.#watch(item.limit.at);
    }
    return due;
  }

  /** Stops the timer. */
  close(): void {
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #watch(at: number): void {
    if (!Number.isFinite(at) || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.timer.cancel();
    const timer = this.#clock.setTimer(Math.max(0, at - this.#clock.monotonic()), this.#onDue);
    this.#timer = { at, timer: timer.unref() };
  }
}
