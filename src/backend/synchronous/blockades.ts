/**
 * Times in which somebody else's lock kept this handle from writing, and so, as far as it knows, everybody. Who writes
 * first after one must not take the items of sessions whose leases ended while nobody could renew any: their owners have
 * one more lease to come back. Invariant: a session that had ended before a blockade began is not spared by it, so items
 * of dead workers are taken over at the latest one blockade and one lease after theirs ended.
 */

import type { Clock } from "../../core/ports.ts";
import type { SessionRecord } from "../contract/session.ts";

/** A lease is renewed three times in its life; a blockade shorter than a third of it has cost nobody theirs. */
const RENEWALS_PER_LEASE = 3;
/** A third of the shortest lease there is; shorter waits for one's turn are no blockade. */
const SHORTEST_MS = 30;

interface Blockade {
  readonly lastedMs: number;
  /** In monotonic time. */
  readonly overAt: number;
}

export class Blockades {
  readonly #clock: Pick<Clock, "monotonic">;
  #recent: readonly Blockade[] = [];

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Nobody could write for so long, until now. */
  note(lastedMs: number): void {
    if (lastedMs < SHORTEST_MS) return;
    const overAt = this.#clock.monotonic();
    // What is no lease's matter any more, however long leases are, is forgotten.
    const relevant = this.#recent.filter((one) => overAt - one.overAt < one.lastedMs * RENEWALS_PER_LEASE);
    this.#recent = [...relevant, { lastedMs, overAt }];
  }

  /** Whether the lease, ended by `now` on the backend's clock, may have ended only because it could not be renewed. */
  spare({ until, leaseMs }: Pick<SessionRecord, "until" | "leaseMs">, now: number): boolean {
    if (this.#recent.length === 0) return false;
    const at = this.#clock.monotonic();
    return this.#recent.some(({ lastedMs, overAt }) => {
      const overForMs = at - overAt;
      return lastedMs * RENEWALS_PER_LEASE >= leaseMs && overForMs < leaseMs && now - until <= lastedMs + overForMs;
    });
  }
}
