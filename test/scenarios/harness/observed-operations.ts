/**
 * A store seen from its worker: `observed` traces the commits that were refused, `withLostAnswers` withholds answers of
 * requests that were applied, as a network does. Neither changes anything else.
 */

import { seededRandom } from "../../../src/core/ports.ts";
import { type BackendOperations, MillraceError } from "../../../src/index.ts";
import { trace } from "./traces.ts";

/** Traces refused commits. */
export function observed(operations: BackendOperations): BackendOperations {
  return {
    ...all(operations),
    async commitAndClaim(request) {
      const answer = await operations.commitAndClaim(request);
      for (const [at, commit] of request.commits.entries()) {
        const told = answer.answers[at];
        if (told?.kind !== "refused") continue;
        const itemId = `${commit.runId}.${commit.item}`;
        trace("refusals", { itemId, epoch: commit.epoch, code: told.code });
      }
      return answer;
    },
  };
}

/** Withholds a share of the answers, at random: what was asked for has happened, and nobody is told. */
export function withLostAnswers(
  operations: BackendOperations,
  { seed, share }: { readonly seed: number; readonly share: number },
): BackendOperations {
  const random = seededRandom(seed);
  const losing = <T>(operation: string, answer: T, commits = 0, items = 0): T => {
    if (random.next() >= share) return answer;
    trace("lost", { operation, commits, items });
    throw new MillraceError("BACKEND_UNAVAILABLE", `the answer to ${operation} was lost`);
  };
  return {
    ...all(operations),
    publish: async (...asked) => losing("publish", await operations.publish(...asked)),
    startRuns: async (starts) => losing("startRuns", await operations.startRuns(starts)),
    openSession: async (session) => losing("openSession", await operations.openSession(session)),
    async commitAndClaim(request) {
      const answer = await operations.commitAndClaim(request);
      return losing("commitAndClaim", answer, request.commits.length, answer.items.length);
    },
    renew: async (renewal) => losing("renew", await operations.renew(renewal)),
    control: async (requests) => losing("control", await operations.control(requests)),
    putMemo: async (memo) => losing("putMemo", await operations.putMemo(memo)),
  };
}

/** What holds a password is not among what a copy takes along by itself. */
function all(operations: BackendOperations): BackendOperations {
  const { renewalUrl } = operations;
  return renewalUrl === undefined ? operations : { ...operations, renewalUrl };
}
