/**
 * What a worker does about a store that fails: wait a little longer each time, with jitter, so that workers do not come
 * back in step; say so once when it begins and once when it is over; and afterwards leave the leases of others alone for
 * one lease period, since their owners are coming back too. It never gives up by itself. Invariant: a store that answers
 * reads and refuses writes, or has room for a small write and not for a large one, has not recovered.
 */

import { isMillraceError } from "../core/errors.ts";
import type { Clock, Logger, Random } from "../core/ports.ts";
import { redactText } from "../logging/redaction.ts";

const FIRST_WAIT_MS = 50;
/** No worker waits longer between two tries. */
const LONGEST_WAIT_MS = 5_000;

export interface OutagePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told once for each outage. */
  onOutage(error: unknown): void;
}

/** What was asked of the store, from what it does most easily: a failure of one is not over when a lesser one is answered. */
export type Asked = "read" | "renewal" | "write";

const RANK: Readonly<Record<Asked, number>> = { read: 0, renewal: 1, write: 2 };

interface Ongoing {
  /** Nothing that was sent since is known to have reached the store. */
  readonly since: number;
  /** What has to be answered before it is over. */
  readonly rank: number;
}

export class Outage {
  readonly #ports: OutagePorts;
  readonly #leaseMs: number;
  #ongoing: Ongoing | undefined;
  #grace: { readonly since: number; readonly until: number } | undefined;
  /** When the last request was sent that was answered: until then at least, the store was there. */
  #wasThereAt = Number.NEGATIVE_INFINITY;

  constructor(ports: OutagePorts, leaseMs: number) {
    this.#ports = ports;
    this.#leaseMs = leaseMs;
  }

  /**
   * Notes that something sent at `sentAt` (monotonic) failed, the n-th time in a row (from 1) for the one who asks; how
   * long to wait before the next try.
   */
  failed(error: unknown, failures: number, asked: Asked, sentAt: number): number {
    const { logger, random } = this.#ports;
    const before = this.#ongoing;
    const rank = Math.max(before?.rank ?? 0, RANK[asked]);
    this.#ongoing = { since: before?.since ?? Math.max(sentAt, this.#wasThereAt), rank };
    if (before === undefined) {
      const code = isMillraceError(error) ? { code: error.code } : {};
      logger.warn("the store fails; this worker keeps trying", { error: shownMessage(error), ...code });
      this.#ports.onOutage(error);
    }
    return backOffMs(failures, random);
  }

  /** Notes that the store answered what was sent at `sentAt`. */
  answered(asked: Asked, sentAt: number): void {
    const { clock, logger } = this.#ports;
    const now = clock.monotonic();
    const ongoing = this.#ongoing;
    const since = Math.max(sentAt, this.#wasThereAt);
    this.#wasThereAt = since;
    if (ongoing === undefined) {
      // It stood still without failing: leases may have run out meanwhile, like in an outage that was noticed.
      if (this.#isLong(now - since)) this.#grace = { since, until: now + this.#leaseMs };
      return;
    }
    if (RANK[asked] < ongoing.rank) return;
    if (this.isLong) this.#grace = { since: ongoing.since, until: now + this.#leaseMs };
    this.#ongoing = undefined;
    logger.info("the store answers again", { lastedMs: Math.round(now - ongoing.since) });
  }

  get isOngoing(): boolean {
    return this.#ongoing !== undefined;
  }

  /** Whether it has lasted for so long that leases may have been lost by it. */
  get isLong(): boolean {
    return this.#ongoing !== undefined && this.#isLong(this.#ports.clock.monotonic() - this.#ongoing.since);
  }

  /** A claim made now leaves leases alone that expired less than this ago: since the outage began, for one lease after it. */
  graceMs(): number {
    const now = this.#ports.clock.monotonic();
    const grace = this.#grace !== undefined && now < this.#grace.until ? this.#grace.since : now;
    return Math.ceil(now - (this.#ongoing?.since ?? grace));
  }

  /** Each lease is renewed three times in its life. */
  #isLong(ms: number): boolean {
    return ms >= this.#leaseMs / 3;
  }
}

/** How long to wait after the n-th failure in a row, from 1: twice as long each time, up to a bound, and never in step with others. */
export function backOffMs(failures: number, random: Random): number {
  const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - 1, 16));
  return longest * (0.5 + random.next() / 2);
}

/** Whether the store may do tomorrow what it did not do now: it was out of reach, took no writes, or was full. */
export function isOutage(error: unknown): boolean {
  return isMillraceError(error, "BACKEND_UNAVAILABLE") || isMillraceError(error, "STORE_FULL");
}

/** What an error says, for a log. A driver's own text may repeat what it was given. */
export function shownMessage(error: unknown): string {
  return error instanceof Error ? redactText(error.message) : "something was thrown that is no error";
}
