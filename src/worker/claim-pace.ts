/**
 * When a worker looks at the queue: at once while there is more than it can take and after a hint, else when the store
 * says that something becomes due, and at the latest after the poll interval. Hints are only hints, so what matters is
 * that no look is made for nothing again and again. Pure but for the clock.
 */

import type { Clock, Random } from "../core/ports.ts";

/** A hint that came while a request was underway may be about what that request did itself; a second look can wait. */
const HINT_DELAY_MS = 5;
/** First wait after a vague hint that followed one which led to nothing; doubled each time, up to the longest. */
const VAGUE_WAIT_MS = 25;
const LONGEST_VAGUE_WAIT_MS = 250;
/** First wait after a look found nothing although something was said to be due; doubled each time. */
const FRUITLESS_WAIT_MS = 1;

export class ClaimPace {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pollMs: number;
  #isHungry = true;
  #nextLookAt = 0;
  #lookedAt = 0;
  #fruitless = 0;
  #vague = 0;
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

  /** Whether a claim is due by itself. */
  get isHungry(): boolean {
    return this.#isHungry || this.#clock.monotonic() >= this.#nextLookAt;
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

  /** A slot is free again, or the session is a new one: there may be more. */
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
    if (got > 0) {
      this.#fruitless = 0;
      this.#vague = 0;
    }
    this.#isHungry = got >= wanted;
    const now = this.#clock.monotonic();
    this.#lookedAt = now;
    let waitMs = this.#pollMs * (0.75 + this.#random.next() / 2);
    if (dueInMs !== undefined && dueInMs < waitMs) {
      waitMs = Math.max(dueInMs, Math.min(this.#pollMs, FRUITLESS_WAIT_MS * 2 ** Math.min(this.#fruitless, 16)));
      if (dueInMs <= 0 && got === 0) this.#fruitless += 1;
    }
    if (this.#wasHinted) waitMs = Math.min(waitMs, HINT_DELAY_MS);
    this.#nextLookAt = now + waitMs;
  }

  /** A request without a claim, or one that came to nothing. */
  unanswered(): void {
    this.#isUnderway = false;
    if (this.#wasHinted) this.#nextLookAt = Math.min(this.#nextLookAt, this.#clock.monotonic() + HINT_DELAY_MS);
  }

  /** Nothing is to be asked for the whole interval. */
  postpone(): void {
    this.unanswered();
    this.#isHungry = false;
    this.#nextLookAt = this.#clock.monotonic() + this.#pollMs;
  }
}
