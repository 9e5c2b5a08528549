/**
 * When a worker looks at the queue: at once while there is more than it can take and after a hint, else when the store
 * says that something becomes due, and at the latest after the poll interval, give or take what keeps workers out of step.
 * Hints are only hints, so what matters is that no look is made for nothing again and again, and that one which will
 * most likely find nothing is no claim, which the store would have to write down. Pure but for the clock.
 */

import type { Clock, Random } from "../core/ports.ts";

/** A hint that came while a request was underway may be about what that request did itself; a second look can wait. */
const HINT_DELAY_MS = 5;
/** First wait after a vague hint that followed one which led to nothing; doubled each time, up to the longest. */
const VAGUE_WAIT_MS = 25;
const LONGEST_VAGUE_WAIT_MS = 250;
/** First wait after a look found nothing although something was said to be due; doubled each time. */
const FRUITLESS_WAIT_MS = 1;
/** Part of the poll interval by which a look may come later, so that workers do not look in step. */
const POLL_JITTER = 0.25;
/** Longest wait after a claim that the store refused; the first is the poll interval, doubled each time. */
const LONGEST_REFUSED_WAIT_MS = 30_000;

export class ClaimPace {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pollMs: number;
  #isHungry = true;
  #nextLookAt = 0;
  #lookedAt = 0;
  #fruitless = 0;
  #vague = 0;
  #refused = 0;
  #isUnderway = false;
  #wasHinted = false;

  constructor(clock: Clock, random: Random, pollMs: number) {
    this.#clock = clock;
    this.#random = random;
    this.#pollMs = pollMs;
  }

  /** Whether a request was asked for and not answered. */
  get isUnderway(): boolean {
    return this.#isUnderway;
  }

  /** Whether a look is due by itself. */
  get isHungry(): boolean {
    return this.#isHungry || this.#clock.monotonic() >= this.#nextLookAt;
  }

  /** Whether the next look will most likely find something, or must be a claim for another reason. */
  get isSure(): boolean {
    return this.#isHungry;
  }

  /** Milliseconds until the next look is due. */
  get waitMs(): number {
    return this.#isHungry ? 0 : Math.max(0, this.#nextLookAt - this.#clock.monotonic());
  }

  /** There is something to claim. */
  hint(): void {
    if (this.#isUnderway) this.#wasHinted = true;
    else this.#isHungry = true;
  }

  /**
   * Something has changed somewhere. It may be no more than that another worker looked for work, and looking again would
   * in turn wake that one up; so such hints count less and less as long as they lead to nothing.
   */
  vagueHint(): void {
    if (this.#vague === 0) this.hint();
    else {
      const waitMs = Math.min(LONGEST_VAGUE_WAIT_MS, VAGUE_WAIT_MS * 2 ** this.#vague);
      this.#nextLookAt = Math.min(this.#nextLookAt, this.#lookedAt + waitMs);
    }
    this.#vague = Math.min(this.#vague + 1, 16);
  }

  /** A slot is free again, the session is a new one, or nobody could tell without a claim: there may be more. */
  look(): void {
    this.#isHungry = true;
  }

  asked(): void {
    this.#isUnderway = true;
    this.#wasHinted = false;
  }

  /** A claim for `wanted` items gave `got`; `dueInMs`: when the store expects something to become claimable. */
  answered(wanted: number, got: number, dueInMs: number | undefined): void {
    this.#isUnderway = false;
    this.#refused = 0;
    if (got > 0) {
      this.#fruitless = 0;
      this.#vague = 0;
    }
    this.#isHungry = got >= wanted;
    this.#rest(got > 0, dueInMs);
    if (this.#wasHinted) this.#lookWithin(HINT_DELAY_MS);
  }

  /** Somebody looked without claiming, and there was something, or not before `dueInMs`. */
  peeked(isReady: boolean, dueInMs: number | undefined): void {
    if (isReady) this.#isHungry = true;
    else this.#rest(false, dueInMs);
  }

  /** A request without a claim, or one that came to nothing. */
  unanswered(): void {
    this.#isUnderway = false;
    if (this.#wasHinted) this.#lookWithin(HINT_DELAY_MS);
  }

  /** The store refuses to be claimed from: nothing is asked of it by itself for a while, a longer one each time. */
  refused(): void {
    this.unanswered();
    this.#wasHinted = false;
    this.#isHungry = false;
    const waitMs = Math.min(LONGEST_REFUSED_WAIT_MS, this.#pollMs * 2 ** Math.min(this.#refused, 16));
    this.#refused += 1;
    this.#nextLookAt = this.#clock.monotonic() + waitMs;
  }

  /** Nothing more was there; when to look again. */
  #rest(wasFruitful: boolean, dueInMs: number | undefined): void {
    const now = this.#clock.monotonic();
    this.#lookedAt = now;
    let waitMs = this.#pollMs * (1 + this.#random.next() * POLL_JITTER);
    if (dueInMs !== undefined && dueInMs < waitMs) {
      waitMs = Math.max(dueInMs, Math.min(this.#pollMs, FRUITLESS_WAIT_MS * 2 ** Math.min(this.#fruitless, 16)));
      if (dueInMs <= 0 && !wasFruitful) this.#fruitless += 1;
    }
    this.#nextLookAt = now + waitMs;
  }

  #lookWithin(ms: number): void {
    this.#nextLookAt = Math.min(this.#nextLookAt, this.#clock.monotonic() + ms);
  }
}
