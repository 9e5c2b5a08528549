/**
 * How a work loop ends: first it takes on nothing more and may finish what it has; when that time is over, what is left is
 * given back; and when the store does not answer even that within the farewell, nothing is waited for any more. It keeps
 * the time and decides nothing about items. Invariant: a loop that was told to drain for so long, and the signing off
 * after it, are over at most one farewell and one last word later, whatever the store does.
 */

import type { Clock, Timer } from "../core/ports.ts";

/** How long a loop whose time to drain is over, or that has nothing to finish, goes on waiting for the store. */
const FAREWELL_MS = 5_000;
/** Signing off is given at least so long. */
const LAST_WORD_MS = 1_000;

export interface LoopEndPorts {
  readonly clock: Clock;
  /** Whether there is anything to finish or to give back. */
  hasItems(): boolean;
  /** Gives back what is running. */
  giveBack(): void;
  /** Something of the below has changed. */
  changed(): void;
}

export class LoopEnd {
  readonly #ports: LoopEndPorts;
  readonly #draining = new AbortController();
  readonly #over = new AbortController();
  #drain: { readonly at: number; readonly timer: Timer } | undefined;
  #farewell: Timer | undefined;
  /** When all has to be over. */
  #endAt: number | undefined;

  constructor(ports: LoopEndPorts) {
    this.#ports = ports;
  }

  /** Aborted when nothing new is begun any more. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  /** Aborted when not even waiting for an answer makes sense any more. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** How long signing off may take: a store that was given up before is not waited for much longer. */
  get signOffMs(): number {
    if (this.#over.signal.aborted) return LAST_WORD_MS;
    const leftMs = (this.#endAt ?? Number.POSITIVE_INFINITY) - this.#ports.clock.monotonic();
    return Math.min(FAREWELL_MS, Math.max(LAST_WORD_MS, leftMs));
  }

  /** After `ms`, what has not finished is given back. May be called again to hurry. */
  drain(ms: number): void {
    const { clock, hasItems, changed } = this.#ports;
    const at = clock.monotonic() + ms;
    if (this.#drain === undefined || this.#drain.at > at) {
      this.#drain?.timer.cancel();
      this.#drain = { at, timer: clock.setTimer(ms, () => this.#timeToGo()) };
      this.#endAt = at + FAREWELL_MS;
    }
    if (this.#draining.signal.aborted) return;
    this.#draining.abort();
    // What is underway may still bring items, and then there is something to finish.
    this.#farewell ??= clock.setTimer(FAREWELL_MS, () => {
      if (!hasItems()) this.end();
    });
    changed();
  }

  /** Nothing makes sense any more. */
  end(): void {
    this.#over.abort();
    this.#ports.changed();
  }

  /** Stops all timers. */
  close(): void {
    this.#drain?.timer.cancel();
    this.#farewell?.cancel();
  }

  #timeToGo(): void {
    const { clock, giveBack } = this.#ports;
    giveBack();
    this.#farewell?.cancel();
    this.#farewell = clock.setTimer(FAREWELL_MS, () => this.end());
    this.#drain = { at: Number.NEGATIVE_INFINITY, timer: NO_TIMER };
  }
}

const NO_TIMER: Timer = { cancel: () => undefined, unref: () => NO_TIMER };
