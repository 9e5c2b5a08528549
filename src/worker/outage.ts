/**
 * What a worker does about a store that fails: wait a little longer each time, with jitter, so that workers do not come
 * back in step; say so once when it begins and once when it is over; and afterwards leave the leases of others alone for
 * one lease period, since their owners are coming back too. It never gives up by itself.
 */

import { isMillraceError } from "../core/errors.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";

const FIRST_WAIT_MS = 50;
/** No worker waits longer between two tries, so after this all that are there have come back. */
export const LONGEST_WAIT_MS = 5_000;

export interface OutagePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told once for each outage. */
  onOutage(error: unknown): void;
}

export class Outage {
  readonly #ports: OutagePorts;
  readonly #leaseMs: number;
  #since: number | undefined;
  #grace: { readonly since: number; readonly until: number } | undefined;

  constructor(ports: OutagePorts, leaseMs: number) {
    this.#ports = ports;
    this.#leaseMs = leaseMs;
  }

  /** Notes a failure of the store, the n-th in a row (from 1) of the one who asks; how long to wait before the next try. */
  failed(error: unknown, failures: number): number {
    const { clock, random, logger } = this.#ports;
    if (this.#since === undefined) {
      this.#since = clock.monotonic();
      logger.warn("the store fails; this worker keeps trying", { error: messageOf(error) });
      this.#ports.onOutage(error);
    }
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 16));
    return longest * (0.5 + random.next() / 2);
  }

  /** Notes that the store answers. */
  recovered(): void {
    if (this.#since === undefined) return;
    const { clock, logger } = this.#ports;
    const now = clock.monotonic();
    if (this.isLong) this.#grace = { since: this.#since, until: now + this.#leaseMs };
    logger.info("the store answers again", { lastedMs: Math.round(now - this.#since) });
    this.#since = undefined;
  }

  /** Whether it has lasted for so long that leases may have been lost by it: each is renewed three times in its life. */
  get isLong(): boolean {
    return this.#since !== undefined && this.#ports.clock.monotonic() - this.#since >= this.#leaseMs / 3;
  }

  /** A claim made now leaves leases alone that expired less than this ago: since the outage began, for one lease after it. */
  graceMs(): number {
    const now = this.#ports.clock.monotonic();
    const since = this.#since ?? (this.#grace !== undefined && now < this.#grace.until ? this.#grace.since : now);
    return Math.ceil(now - since);
  }
}

/** Whether the store may do tomorrow what it did not do now: it was out of reach, or full. */
export function isOutage(error: unknown): boolean {
  return isMillraceError(error, "BACKEND_UNAVAILABLE") || isMillraceError(error, "STORE_FULL");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : "something was thrown that is no error";
}
