/** All deliberately broken backends, for the proof that the conformance suite can fail. */

import type { BrokenBackend } from "./broken-backend.ts";
import { brokenCheckpoints } from "./checkpoints.ts";
import { brokenClaims } from "./claiming.ts";
import { brokenCommits } from "./committing.ts";
import { brokenDocuments } from "./documents.ts";
import { brokenProgress } from "./progress.ts";
import { brokenReads } from "./reading.ts";
import { brokenTransfers } from "./transfer.ts";
import { brokenWaits } from "./waiting.ts";

/** Every broken backend; their names are unique, and each names a case of the suite that must fail on it. */
export function brokenBackends(): readonly BrokenBackend[] {
  return [
    ...brokenClaims,
    ...brokenCommits,
    ...brokenReads,
    ...brokenCheckpoints,
    ...brokenDocuments,
    ...brokenProgress,
    ...brokenTransfers,
    ...brokenWaits,
  ];
}
