/**
 * Waiting for something no longer than it makes sense. What was asked of a store cannot be taken back: it goes on, and
 * whoever stops waiting just never hears of it. Invariant: nothing that is left behind becomes an unhandled rejection.
 */

import type { Clock, Timer } from "../core/ports.ts";

/** Stands for an answer that nobody waited for any more. */
export const GIVEN_UP = Symbol("given up");

/** What was asked for, or `GIVEN_UP` as soon as the signal is aborted. */
export async function unlessAborted<T>(asked: Promise<T>, signal: AbortSignal): Promise<T | typeof GIVEN_UP> {
  if (signal.aborted) {
    asked.catch(() => undefined);
    return GIVEN_UP;
  }
  let stop: (() => void) | undefined;
  const aborted = new Promise<typeof GIVEN_UP>((resolve) => {
    stop = () => resolve(GIVEN_UP);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([asked, aborted]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
  }
}

/** What was asked for, or `GIVEN_UP` after `ms`. */
export async function within<T>(asked: Promise<T>, ms: number, clock: Clock): Promise<T | typeof GIVEN_UP> {
  let timer: Timer | undefined;
  const late = new Promise<typeof GIVEN_UP>((resolve) => {
    timer = clock.setTimer(ms, () => resolve(GIVEN_UP));
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    timer?.cancel();
  }
}
