/**
 * The ports for tests and simulations: a clock that stands still until it is moved, and chance from a seed. Invariant:
 * the same moves and the same seed give the same history.
 */

import type { Clock, Ids, Random, Timer } from "./ports-contract.ts";
import { createIds } from "./ports-ids.ts";
import { sleepBy } from "./ports-sleep.ts";

/** A clock that only moves by hand. */
export interface ManualClock extends Clock {
  /**
   * Moves the clock on by `ms`, firing every timer that becomes due at its own instant, in order of due time and then of
   * setting. Before each instant and at the end, everything that needs no time is let run: promises and immediates.
   */
  advance(ms: number): Promise<void>;
  /** Moves the wall clock alone, as an administrator would, also backwards. No timer fires. */
  jump(ms: number): void;
  /** Milliseconds until the next timer fires; `undefined` if there is none. */
  untilNext(): number | undefined;
}

interface Entry {
  readonly dueAt: number;
  readonly order: number;
  readonly fn: () => void;
}

/** A clock that stands at `start` (milliseconds since 1970) until it is moved. */
export function manualClock(start = 0): ManualClock {
  const entries = new Set<Entry>();
  let elapsed = 0;
  let offset = start;
  let order = 0;

  function setTimer(ms: number, fn: () => void): Timer {
    const entry: Entry = { dueAt: elapsed + (Number.isNaN(ms) ? 0 : Math.max(0, ms)), order, fn };
    order += 1;
    entries.add(entry);
    const timer: Timer = {
      cancel() {
        entries.delete(entry);
      },
      unref: () => timer,
    };
    return timer;
  }

  return {
    now: () => offset + Math.floor(elapsed),
    monotonic: () => elapsed,
    sleep: (ms, signal) => sleepBy(setTimer, ms, signal),
    setTimer,
    async advance(ms) {
      const target = elapsed + Math.max(0, ms);
      await settle();
      for (let entry = first(entries); entry !== undefined && entry.dueAt <= target; entry = first(entries)) {
        elapsed = Math.max(elapsed, entry.dueAt);
        entries.delete(entry);
        entry.fn();
        await settle();
      }
      elapsed = target;
    },
    jump(ms) {
      offset += ms;
    },
    untilNext() {
      const entry = first(entries);
      return entry === undefined ? undefined : Math.max(0, entry.dueAt - elapsed);
    },
  };
}

/** Numbers that depend on the seed alone (mulberry32). Good enough for choices in tests, not for statistics. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/** Ids that depend on the given chance alone. */
export function seededIds(random: Random): Ids {
  return createIds((bytes) => {
    for (let at = 0; at < bytes.length; at += 1) {
      bytes[at] = Math.floor(random.next() * 256);
    }
  });
}

function first(entries: ReadonlySet<Entry>): Entry | undefined {
  let best: Entry | undefined;
  for (const entry of entries) {
    if (best === undefined || entry.dueAt < best.dueAt || (entry.dueAt === best.dueAt && entry.order < best.order)) {
      best = entry;
    }
  }
  return best;
}

/** Lets every promise and immediate that is ready run, and what those make ready in turn. */
async function settle(): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
