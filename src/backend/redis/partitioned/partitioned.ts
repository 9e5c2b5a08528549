/** What the operations over several partitions share: the partitions, their operations, and what lies between them. */

import { MillraceError } from "../../../core/errors.ts";
import type { Capabilities } from "../../contract/capabilities.ts";
import type { BackendOperations } from "../../contract/operations.ts";
import type { Partition as EnginePartition } from "../../remote/remote-operations.ts";
import type { RemoteReads } from "../../remote/remote-store.ts";
import type { Gate } from "../../synchronous/operations.ts";
import type { WakeupHub } from "../../synchronous/wakeups.ts";
import type { DefinitionShelf } from "../definition-shelf.ts";
import type { PartitionMap } from "../partition-map.ts";
import type { KeyRecords } from "./key-records.ts";
import type { LetterCarrier } from "./letter-carrier.ts";

export interface PartitionedOptions {
  readonly location: string;
  readonly namespace: string;
  readonly capabilities: Capabilities;
  readonly renewalUrl: string | undefined;
  readonly map: PartitionMap;
  readonly shelf: DefinitionShelf;
  /** Of each partition, by number. */
  readonly parts: readonly EnginePartition[];
  readonly reads: RemoteReads;
  readonly wakeups: WakeupHub;
  readonly close: () => Promise<void>;
}

export interface Partitioned extends PartitionedOptions {
  readonly gate: Gate;
  readonly operations: readonly BackendOperations[];
  readonly carrier: LetterCarrier;
  readonly records: KeyRecords;
}

/** Those of the partition of this number. */
export function operationsAt(all: Pick<Partitioned, "operations">, number: number): BackendOperations {
  const operations = all.operations[number];
  if (operations === undefined) throw new MillraceError("INTERNAL", `there is no partition ${number}`);
  return operations;
}

/** Those of the partition that this name is in. */
export function operationsOf(all: Pick<Partitioned, "operations" | "map">, name: string): BackendOperations {
  return operationsAt(all, all.map.numberOf(name));
}
