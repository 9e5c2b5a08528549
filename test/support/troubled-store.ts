/**
 * A store between a worker and its rows that can be put in trouble: it is down, does not answer, answers late, loses its
 * answers, takes no writes, or has no room. Sessions live by their renewals alone, as on a server. It keeps what it was
 * sent, so that a test can see what a worker does about it. It decides nothing; what is fine passes unchanged.
 */

import type { CommitAndClaim } from "../../src/backend/contract/claim.ts";
import type { BackendOperations } from "../../src/backend/contract/operations.ts";
import { MillraceError } from "../../src/core/errors.ts";
import type { Clock } from "../../src/core/ports.ts";

/** `hanging`: rejects after the store's own time limit. `silent`: never settles. `slow`: each call takes two seconds. */
export type Trouble = "none" | "down" | "hanging" | "silent" | "slow" | "losing answers" | "read-only" | "full";

const HANG_MS = 20_000;
const SLOW_MS = 2_000;

type Kind = "read" | "renewal" | "write";

export class TroubledStore {
  readonly operations: BackendOperations;
  /** Requests in the order in which they were sent, whatever became of them. */
  readonly requests: CommitAndClaim[] = [];
  /** Calls of each operation. */
  readonly calls: Record<"commitAndClaim" | "peek" | "renew", number> = { commitAndClaim: 0, peek: 0, renew: 0 };
  trouble: Trouble = "none";
  readonly #clock: Clock;

  constructor(inner: BackendOperations, clock: Clock) {
    this.#clock = clock;
    const { peek } = inner;
    if (peek === undefined) throw new Error("a store that cannot be looked at shows nothing of how idle workers look");
    const through = <P extends readonly unknown[], R>(kind: Kind, method: (...parameters: P) => Promise<R>) => {
      return (...parameters: P): Promise<R> => this.#through(kind, () => method(...parameters));
    };
    this.operations = {
      ...inner,
      attachSession: () => () => undefined,
      publish: through("write", inner.publish),
      openSession: through("write", inner.openSession),
      closeSession: through("write", inner.closeSession),
      putMemo: through("write", inner.putMemo),
      putProgress: through("write", inner.putProgress),
      commitAndClaim: (request) => {
        this.requests.push(request);
        this.calls.commitAndClaim += 1;
        return this.#through("write", () => inner.commitAndClaim(request));
      },
      renew: (renewal) => {
        this.calls.renew += 1;
        return this.#through("renewal", () => inner.renew(renewal));
      },
      peek: (claim) => {
        this.calls.peek += 1;
        return this.#through("read", () => peek(claim));
      },
      read: {
        ...inner.read,
        definition: through("read", inner.read.definition),
        contextTail: through("read", inner.read.contextTail),
        arrivals: through("read", inner.read.arrivals),
      },
    };
  }

  async #through<T>(kind: Kind, ask: () => Promise<T>): Promise<T> {
    switch (this.trouble) {
      case "none":
        return await ask();
      case "down":
        throw unavailable("nobody answers");
      case "hanging":
        await this.#clock.sleep(HANG_MS);
        throw unavailable("no answer in time");
      case "silent":
        return await new Promise<never>(() => undefined);
      case "slow":
        await this.#clock.sleep(SLOW_MS);
        return await ask();
      case "losing answers":
        await ask();
        throw unavailable("the line broke");
      case "read-only":
        if (kind === "read") return await ask();
        throw unavailable("the store takes no writes");
      case "full":
        // A renewal changes a row in its place.
        if (kind !== "write") return await ask();
        throw new MillraceError("STORE_FULL", "no space left");
    }
  }
}

function unavailable(message: string): MillraceError {
  return new MillraceError("BACKEND_UNAVAILABLE", message);
}
