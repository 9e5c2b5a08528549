/**
 * The requests of one session: numbered, one in flight, and sent again unchanged until they are answered, so that each
 * has one effect however often its answer is lost. Only the grace that a claim leaves to others grows with an outage: it
 * is no part of what is asked for. While the store fails it waits longer each time, and never gives up by itself.
 */

import type { Claim, CommitAndClaim, CommitAndClaimAnswer } from "../backend/contract/claim.ts";
import type { Commit } from "../backend/contract/commit.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { isMillraceError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";
import { GIVEN_UP, unlessAborted } from "./giving-up.ts";
import { isOutage, type Outage } from "./outage.ts";

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
      const sentAt = this.#clock.monotonic();
      try {
        const asked = this.#operations.commitAndClaim(failures === 1 ? request : this.#withGrace(request));
        const answer = await unlessAborted(asked, signal);
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
   * A claim that was made before a long outage knows nothing of it, and would take the items of all whose leases ran out
   * meanwhile.
   */
  #withGrace(request: CommitAndClaim): CommitAndClaim {
    const { claim } = request;
    if (claim === undefined || !this.#outage.isLong) return request;
    return { ...request, claim: { ...claim, graceMs: Math.max(claim.graceMs, this.#outage.graceMs()) } };
  }
}

function triesAfter(error: unknown): number {
  if (isOutage(error)) return Number.POSITIVE_INFINITY;
  return isMillraceError(error) && error.code !== "INTERNAL" ? REFUSED_TRIES : UNEXPECTED_TRIES;
}
