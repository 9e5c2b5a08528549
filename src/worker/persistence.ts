/**
 * Asking a store until it answers: for everything beside commits, which have their own way (`session-channel.ts`). Only
 * what can be repeated may be asked like this.
 */

import type { Clock } from "../core/ports.ts";
import { isOutage, type Outage } from "./outage.ts";

/** Asks again while the store is out of reach or full. Rejects with any other error, and with the signal's reason. */
export async function persistently<T>(
  ask: () => Promise<T>,
  signal: AbortSignal,
  outage: Outage,
  clock: Clock,
): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    try {
      const answer = await ask();
      outage.recovered();
      return answer;
    } catch (error) {
      if (!isOutage(error)) throw error;
      await clock.sleep(outage.failed(error, failures), signal);
    }
  }
}
