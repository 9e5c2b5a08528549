/**
 * A backend with one deliberate fault, made by meddling with what goes into an honest one or comes out of it. The suite
 * proves by these that it can fail: each has a case that is named for its fault and must not pass. They know only the
 * contract, so any backend can be broken by them.
 */

import type { Claim, CommitAndClaim, CommitAndClaimAnswer } from "../../backend/contract/claim.ts";
import type { Commit } from "../../backend/contract/commit.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { ConformanceHarness, NamespaceOption } from "../conformance/harness.ts";

export interface BrokenBackend {
  /** The fault in a few words. */
  readonly name: string;
  /** Name of the conformance case that must fail on it. */
  readonly fails: string;
  /** The harness with the fault in every backend that it opens. */
  breakHarness(harness: ConformanceHarness): ConformanceHarness;
}

/** What a fault puts in the place of honest operations. */
export type Fault = (honest: BackendOperations) => Partial<BackendOperations>;

/** A broken backend whose fault is in the operations of each handle. */
export function broken(name: string, fails: string, fault: Fault): BrokenBackend {
  const meddle = (honest: BackendOperations): BackendOperations => overlay(honest, fault(honest));
  return {
    name,
    fails,
    breakHarness: ({ clock, open, reopen, dispose }) => ({
      clock,
      open: async (options?: NamespaceOption) => meddle(await open(options)),
      reopen: reopen && (async (options?: NamespaceOption) => meddle(await reopen(options))),
      dispose,
    }),
  };
}

/** The object with some of its properties replaced. */
export function overlay<T extends object>(honest: T, replaced: Partial<T>): T {
  return new Proxy(honest, {
    get: (target, key) => {
      const value: unknown = Reflect.get(key in replaced ? replaced : target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** The operations with their requests changed on the way in. */
export function changingCommits(
  honest: BackendOperations,
  change: (commit: Commit) => Commit,
): Partial<BackendOperations> {
  return {
    commitAndClaim: (request) => honest.commitAndClaim({ ...request, commits: request.commits.map(change) }),
  };
}

/**
 * Sends requests of its own beside those of the sessions, so it numbers all of them anew; a request that is sent again
 * gets the answer of the first time without reaching the honest backend.
 */
export class Forwarder {
  readonly #honest: BackendOperations;
  readonly #numbers = new Map<string, number>();
  readonly #answered = new Map<string, { readonly request: number; readonly answer: Promise<CommitAndClaimAnswer> }>();

  constructor(honest: BackendOperations) {
    this.#honest = honest;
  }

  send(session: string, commits: readonly Commit[], claim?: Claim): Promise<CommitAndClaimAnswer> {
    const request = (this.#numbers.get(session) ?? 0) + 1;
    this.#numbers.set(session, request);
    return this.#honest.commitAndClaim({ session, request, commits, claim });
  }

  once({ session, request }: CommitAndClaim, work: () => Promise<CommitAndClaimAnswer>): Promise<CommitAndClaimAnswer> {
    const last = this.#answered.get(session);
    if (last?.request === request) return last.answer;
    const answer = work();
    this.#answered.set(session, { request, answer });
    return answer;
  }
}
