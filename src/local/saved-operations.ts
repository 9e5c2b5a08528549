/**
 * The operations of a store in memory, each answered only when what it did is saved. That is what makes a step of a
 * checkpointed run as lasting as one in a store of runs: nothing that follows from a step begins before its checkpoint is
 * there. Once a save has failed, the store is closed for whoever works on it, as if its process had ended.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import type { CheckpointSaver } from "./checkpoint-saver.ts";

/** Over these operations, with this saver. What starts or steers the run rejects with what a save failed by. */
export function savedOperations(operations: BackendOperations, saver: CheckpointSaver): BackendOperations {
  async function saved<T>(work: () => Promise<T>): Promise<T> {
    const answer = await work();
    await saver.flush();
    return answer;
  }

  /** For workers, which would try again after any other error. */
  async function savedOrClosed<T>(work: () => Promise<T>): Promise<T> {
    if (saver.isBroken) throw closed();
    const answer = await work();
    try {
      await saver.flush();
    } catch (cause) {
      throw closed(cause);
    }
    return answer;
  }

  return {
    ...operations,
    startRuns: (starts) => saved(() => operations.startRuns(starts)),
    control: (requests) => saved(() => operations.control(requests)),
    async openSession(session) {
      if (saver.isBroken) throw closed();
      return await operations.openSession(session);
    },
    commitAndClaim: (request) => savedOrClosed(() => operations.commitAndClaim(request)),
    putMemo: (memo) =>
      savedOrClosed(async () => {
        const isKept = await operations.putMemo(memo);
        if (isKept) saver.stepKept();
        return isKept;
      }),
  };
}

function closed(cause?: unknown): MillraceError {
  return new MillraceError("CLOSED", "the run cannot be saved any more", { cause });
}
