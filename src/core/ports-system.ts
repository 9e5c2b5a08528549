/**
 * The ports on the real platform. Timers longer than the platform's own limit are chunked here, and one that fires
 * early is set again, so that nobody else has to think of either.
 */

import { randomFillSync } from "node:crypto";
import { LIMITS } from "./limits.ts";
import type { Clock, Ids, Logger, Random, Timer } from "./ports-contract.ts";
import { createIds } from "./ports-ids.ts";
import { sleepBy } from "./ports-sleep.ts";

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) => sleepBy(setSystemTimer, ms, signal),
  setTimer: setSystemTimer,
};

/** The platform's random numbers. */
export const systemRandom: Random = { next: () => Math.random() };

/** Ids from the platform's secure random bytes. One generator per process, so that run ids grow. */
export const systemIds: Ids = createIds(pooled(randomFillSync));

/** Drops every line. */
export const silentLogger: Logger = { debug: drop, info: drop, warn: drop, error: drop };

function setSystemTimer(ms: number, fn: () => void): Timer {
  const dueAt = performance.now() + (Number.isNaN(ms) ? 0 : Math.max(0, ms));
  let referenced = true;
  let pending: NodeJS.Timeout | undefined = arm();

  function arm(): NodeJS.Timeout {
    const leftMs = Math.ceil(dueAt - performance.now());
    const timeout = setTimeout(tick, Math.min(Math.max(leftMs, 1), LIMITS.timerMs));
    return referenced ? timeout : timeout.unref();
  }

  function tick(): void {
    if (performance.now() < dueAt) {
      pending = arm();
      return;
    }
    pending = undefined;
    fn();
  }

  const timer: Timer = {
    cancel() {
      clearTimeout(pending);
      pending = undefined;
    },
    unref() {
      referenced = false;
      pending?.unref();
      return timer;
    },
  };
  return timer;
}

/** Asks the platform for many random bytes at once: a call for a few costs as much as one for a page. */
function pooled(refill: (bytes: Uint8Array) => void): (bytes: Uint8Array) => void {
  const pool = new Uint8Array(4_096);
  let used = pool.length;
  return (bytes) => {
    if (used + bytes.length > pool.length) {
      refill(pool);
      used = 0;
    }
    bytes.set(pool.subarray(used, used + bytes.length));
    pool.fill(0, used, used + bytes.length); // what was handed out stays nowhere else
    used += bytes.length;
  };
}

function drop(): void {
  // A silent logger.
}
