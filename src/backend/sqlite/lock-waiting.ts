/**
 * Waiting for a lock that somebody else holds, without ever holding up the event loop: SQLite answers at once that it is
 * busy, and it is asked again a little later. Gives up after a bounded time.
 */

import type { Clock, Random } from "../../core/ports.ts";
import { troubleOf } from "./store-errors.ts";

export interface LockWaiting {
  readonly clock: Pick<Clock, "monotonic" | "sleep" | "setTimer">;
  readonly random: Random;
  /** After so long the store counts as unavailable. */
  readonly totalMs: number;
}

const FIRST_WAIT_MS = 1;
const LONGEST_WAIT_MS = 20;
/** Short waits before they grow: most transactions are over within a millisecond or two. */
const SHORT_WAITS = 8;

/** Runs `attempt` until it does not find the database busy. Throws what it throws, at the latest the last busy error. */
export async function waitForLock<T>(attempt: () => T, waiting: LockWaiting): Promise<T> {
  const startedAt = waiting.clock.monotonic();
  for (let tries = 0; ; tries += 1) {
    try {
      return attempt();
    } catch (error) {
      if (troubleOf(error) !== "busy" || waiting.clock.monotonic() - startedAt >= waiting.totalMs) throw error;
    }
    await waiting.clock.sleep(waitMs(tries, waiting.random));
  }
}

function waitMs(tries: number, random: Random): number {
  const grown = tries < SHORT_WAITS ? FIRST_WAIT_MS : Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS + tries - SHORT_WAITS);
  return grown * (0.5 + random.next());
}
