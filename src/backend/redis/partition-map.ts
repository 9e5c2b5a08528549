/** Which partition something is in: by its name alone, so that everybody finds it. */

import { digest } from "../../core/digest.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Partition } from "./partition.ts";

/** The number of a partition, by a digest of a name. It may never change: what is stored is found by it. */
function partitionNumber(name: string, count: number): number {
  return count === 1 ? 0 : Number.parseInt(digest(name).slice(0, 8), 16) % count;
}

export class PartitionMap {
  readonly all: readonly Partition[];

  constructor(partitions: readonly Partition[]) {
    this.all = partitions;
  }

  /** Where a run, a session, a checkpoint or anything else with a name is. */
  of(name: string): Partition {
    return this.at(partitionNumber(name, this.all.length));
  }

  at(number: number): Partition {
    const partition = this.all[number];
    if (partition === undefined) throw new MillraceError("INTERNAL", `there is no partition ${number}`);
    return partition;
  }

  numberOf(name: string): number {
    return partitionNumber(name, this.all.length);
  }
}
