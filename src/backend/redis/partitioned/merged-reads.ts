/** The reads of all partitions together, in the words of the contract. */

import { MillraceError } from "../../../core/errors.ts";
import type { CheckpointOperations } from "../../contract/checkpoints.ts";
import type { Reads } from "../../contract/operations.ts";
import { readRemotely } from "../../remote/reading-set.ts";
import type { RemoteReads } from "../../remote/remote-store.ts";
import { checkpointsOver } from "../../synchronous/checkpoints.ts";
import type { Engine } from "../../synchronous/engine.ts";
import type { Gate } from "../../synchronous/operations.ts";
import { readsOf } from "../../synchronous/reads.ts";

export function mergedReads(
  reads: RemoteReads,
  gate: Gate,
): { readonly read: Reads; readonly listCheckpoints: CheckpointOperations["list"] } {
  const read: Engine["read"] = (work) => gate.pass(() => readRemotely(reads, work));
  const write: Engine["write"] = async () => {
    throw new MillraceError("INTERNAL", "what is put together from all partitions is only for reading");
  };
  return { read: readsOf(read), listCheckpoints: checkpointsOver({ write, read }).list };
}
