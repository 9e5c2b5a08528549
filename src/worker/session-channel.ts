/**
 * The requests of one session: numbered, one in flight, and sent again unchanged until they are answered, so that each
 * has one effect however often its answer is lost. While the store fails it waits longer each time, and never gives up
 * by itself.
 */

import type { Claim, CommitAndClaim, CommitAndClaimAnswer } from "../backend/contract/claim.ts";
import type { Commit } from "../backend/contract/commit.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { isMillraceError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import { GIVEN_UP, unlessAborted } from "./giving-up.ts";
import { isOutage, LONGEST_WAIT_MS, type Outage } from "./outage.ts";

/** What came of a request. */
export type Exchange =
  | {
      readonly kind: "answered";
      readonly answer: CommitAndClaimAnswer;
      /** When it was first sent, in monotonic time. */
      readonly sentAt: number;
    }
  /** The store does not know the session any more: nothing that it held is this worker's now. */
  | { readonly kind: "gone" }
  /** The store fails by this very request, again and again, and not because it is out of reach or full. */
  | { readonly kind: "refused"; readonly error: unknown }
  /** The caller gave up while it was not known what had become of it. */
  | { readonly kind: "abandoned" };

/** Times that a request is sent after an error that says what is wrong with it. */
const REFUSED_TRIES = 3;
/** The same after an error that nobody expects: about six seconds' worth, for a store that does not know what ails it. */
const UNEXPECTED_TRIES = 8;

export class SessionChannel {
  readonly id: string;
  readonly #operations: BackendOperations;
  readonly #clock: Clock;
  readonly #outage: Outage;
  #answered = 0;

  constructor(id: string, operations: BackendOperations, clock: Clock, outage: Outage) {
    this.id = id;
    this.#operations = operations;
    this.#clock = clock;
    this.#outage = outage;
  }

  /** Sends one request until it is answered or `signal` is aborted. */
  async exchange(commits: readonly Commit[], claim: Claim | undefined, signal: AbortSignal): Promise<Exchange> {
    const request: CommitAndClaim = { session: this.id, request: this.#answered + 1, commits, claim };
    const firstSentAt = this.#clock.monotonic();
    for (let failures = 1; ; failures += 1) {
      let sentAt = this.#clock.monotonic();
      try {
        const isOld = claim !== undefined && failures > 1 && this.#outage.isLong;
        if (isOld) await this.#letOthersComeBack(signal);
        sentAt = this.#clock.monotonic();
        const answer = await unlessAborted(this.#operations.commitAndClaim(request), signal);
        if (answer === GIVEN_UP) return { kind: "abandoned" };
        this.#outage.answered("write", sentAt);
        this.#answered += 1;
        return { kind: "answered", answer, sentAt: firstSentAt };
      } catch (error) {
        if (signal.aborted) return { kind: "abandoned" };
        if (isMillraceError(error, "CLOSED")) return { kind: "gone" };
        if (failures >= triesAfter(error)) return { kind: "refused", error };
        const waited = this.#clock.sleep(this.#outage.failed(error, failures, "write", sentAt), signal).then(
          () => true,
          () => false,
        );
        if (!(await waited)) return { kind: "abandoned" };
      }
    }
  }

  /**
   * A claim that was made before a long outage knows nothing of it, and must be sent as it is; it would take the items of
   * all whose leases ran out meanwhile. So their owners go first.
   */
  async #letOthersComeBack(signal: AbortSignal): Promise<void> {
    await unlessAborted(this.#operations.renew({ session: this.id }), signal);
    await this.#clock.sleep(LONGEST_WAIT_MS, signal);
  }
}

function triesAfter(error: unknown): number {
  if (isOutage(error)) return Number.POSITIVE_INFINITY;
  return isMillraceError(error) && error.code !== "INTERNAL" ? REFUSED_TRIES : UNEXPECTED_TRIES;
}
