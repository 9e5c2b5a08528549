/** Backends whose fault is in checkpoints: versions that nobody compares, additions that take the place of what was there, clean-ups that take too much. */

import type { CheckpointOperations } from "../../backend/contract/checkpoints.ts";
import { type BrokenBackend, broken, overlay } from "./broken-backend.ts";

function brokenCheckpoint(
  name: string,
  fails: string,
  fault: (honest: CheckpointOperations) => Partial<CheckpointOperations>,
): BrokenBackend {
  return broken(name, fails, ({ checkpoints }) => ({ checkpoints: overlay(checkpoints, fault(checkpoints)) }));
}

export const brokenCheckpoints: readonly BrokenBackend[] = [
  brokenCheckpoint(
    "forgets to compare versions of checkpoints",
    "Of many saves that expect the same version one wins",
    (honest) => ({ save: ({ id, status, body }) => honest.save({ id, status, body }) }),
  ),
  brokenCheckpoint(
    "compares versions of checkpoints before it saves, and not while it does",
    "Of many saves that expect the same version one wins",
    (honest) => ({
      async save({ expectedVersion, ...request }) {
        const { version } = (await honest.load(request.id))?.record ?? { version: 0 };
        if (expectedVersion !== undefined && expectedVersion !== version) return { kind: "conflict", version };
        return await honest.save(request);
      },
    }),
  ),
  brokenCheckpoint(
    "saves what should be added to a checkpoint",
    "What is added stands behind what was there, as a version of its own",
    (honest) => ({ append: (request) => honest.save(request) }),
  ),
  brokenCheckpoint(
    "cleans up checkpoints of any status",
    "A clean-up removes what is older and of the statuses, longest ago first, and tells how many",
    (honest) => ({
      cleanup: (request) => honest.cleanup({ ...request, statuses: [...request.statuses, "running"] }),
    }),
  ),
];
