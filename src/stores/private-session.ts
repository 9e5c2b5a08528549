/**
 * A session of one's own for one claimed item: the lease of a `dequeue`. It numbers its requests and never sends two at
 * once, so that a request whose answer was lost can be sent again and has one effect. It knows nothing of what is
 * committed. Nothing renews it by itself: whoever dequeues and stops answering loses the item when the lease runs out.
 */

import type { Claim, CommitAndClaimAnswer } from "../backend/contract/claim.ts";
import type { Commit } from "../backend/contract/commit.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { NewSession } from "../backend/contract/session.ts";

/** One session and its requests. */
export interface PrivateSession {
  readonly id: string;
  /**
   * Sends commits, then claims. After an error that leaves the outcome open (`BACKEND_UNAVAILABLE`) the same call may be
   * made again. Throws `CLOSED` when the session is gone.
   */
  send(commits: readonly Commit[], claim?: Claim): Promise<CommitAndClaimAnswer>;
  /** Extends the lease; false when it is gone. */
  renew(): Promise<boolean>;
  /** Gives back what is still leased. */
  close(): Promise<void>;
}

/** Opens a session. */
export async function openPrivateSession(operations: BackendOperations, session: NewSession): Promise<PrivateSession> {
  await operations.openSession(session);
  const { id } = session;
  let answered = 0;
  let last: Promise<unknown> = Promise.resolve();

  return {
    id,
    send(commits, claim) {
      const exchange = async (): Promise<CommitAndClaimAnswer> => {
        const answer = await operations.commitAndClaim({ session: id, request: answered + 1, commits, claim });
        answered += 1;
        return answer;
      };
      const sent = last.then(exchange, exchange);
      last = sent;
      return sent;
    },
    async renew() {
      return (await operations.renew({ session: id })).kind === "renewed";
    },
    close: () => operations.closeSession(id),
  };
}
