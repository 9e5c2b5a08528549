/**
 * Asking a store until it answers: for everything beside commits, which have their own way (`session-channel.ts`). Only
 * what can be repeated may be asked like this.
 */

import type { Clock } from "../core/ports.ts";
import { GIVEN_UP, unlessAborted } from "./giving-up.ts";
import { type Asked, isOutage, type Outage } from "./outage.ts";

export interface Persistence {
  readonly clock: Clock;
  readonly outage: Outage;
  /** When nobody waits for an answer any more, not even for one that is on its way. */
  readonly signal: AbortSignal;
  readonly asked: Asked;
  /** Which errors another try may help against; if absent, those of a store that is out of reach or full. */
  readonly isWorthAnother?: ((error: unknown) => boolean) | undefined;
}

/** Asks again for as long as it may help. Rejects with any other error, and with the signal's reason. */
export async function persistently<T>(ask: () => Promise<T>, ports: Persistence): Promise<T> {
  const { clock, outage, signal, asked, isWorthAnother = isOutage } = ports;
  for (let failures = 1; ; failures += 1) {
    signal.throwIfAborted();
    const sentAt = clock.monotonic();
    try {
      const answer = await unlessAborted(ask(), signal);
      if (answer !== GIVEN_UP) {
        outage.answered(asked, sentAt);
        return answer;
      }
    } catch (error) {
      if (!isWorthAnother(error)) throw error;
      await clock.sleep(outage.failed(error, failures, asked, sentAt), signal);
    }
  }
}
