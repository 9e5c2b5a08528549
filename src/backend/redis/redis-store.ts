/** The store of one partition, as the engine for stores on servers wants it: its steps, its looks, and all reads. */

import type { Advice, Wakeup } from "../contract/operations.ts";
import type { RemoteReads, RemoteStore } from "../remote/remote-store.ts";
import type { DefinitionShelf } from "./definition-shelf.ts";
import { historyReads } from "./history-reads.ts";
import type { KeyHolder, Partition } from "./partition.ts";
import { PartitionMap } from "./partition-map.ts";
import { peekInto } from "./peek.ts";
import { RedisStep } from "./redis-step.ts";
import { runReads } from "./run-reads.ts";
import { sharedReads } from "./shared-reads.ts";

export interface StoreOptions {
  readonly partition: Partition;
  readonly shelf: DefinitionShelf;
  readonly holderOf: KeyHolder;
  readonly announce: (wakeups: readonly Wakeup[]) => void;
  readonly advise: () => Promise<readonly Advice[]>;
  readonly close: () => Promise<void>;
}

export function redisStore({ partition, shelf, holderOf, announce, advise, close }: StoreOptions): RemoteStore {
  return {
    async begin(wants, rows) {
      const step = new RedisStep(partition);
      try {
        await step.load(wants, rows);
      } catch (error) {
        await step.abandon();
        throw error;
      }
      return step;
    },
    peek: (claim) => peekInto(partition, claim),
    read: readsOver(new PartitionMap([partition]), shelf, holderOf),
    announce,
    advise,
    now: () => partition.now(),
    close,
  };
}

/** The reads of all partitions together. */
export function readsOver(map: PartitionMap, shelf: DefinitionShelf, holderOf: KeyHolder): RemoteReads {
  return { ...runReads(map), ...historyReads(map), ...sharedReads(map, shelf, holderOf) };
}
