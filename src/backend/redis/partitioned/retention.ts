/**
 * Removing what has been kept for long enough, over several partitions: each removes those of its own that are among the
 * oldest of all. What is the oldest is looked up first, so that a limit holds for all of them together.
 */

import { LIMITS } from "../../../core/limits.ts";
import type { RunStatus } from "../../../core/status.ts";
import { RUN_STATUS } from "../../sql/stored-code.ts";
import type { PartitionMap } from "../partition-map.ts";
import { listOf, scoredOf } from "../reply.ts";
import type { Partitioned } from "./partitioned.ts";

export async function purgeOver(
  { before, limit }: { readonly before: number; readonly limit: number },
  all: Partitioned,
): Promise<number> {
  const most = Math.max(0, Math.min(limit, LIMITS.purgeRuns));
  const shares = await oldest(all.map, most, ({ keys }) => [
    ["ZRANGEBYSCORE", keys.finished, "-inf", `(${before}`, "WITHSCORES", "LIMIT", "0", String(most)],
  ]);
  const removed = await Promise.all(
    all.operations.map((part, number) => part.purge({ before, limit: shares[number] ?? 0 })),
  );
  await Promise.all(
    all.map.all.map(async (partition, number) => {
      if ((removed[number] ?? 0) > 0) await all.records.forgetFreed(partition);
    }),
  );
  await forgetRequests(all.map);
  return removed.reduce((sum, count) => sum + count, 0);
}

export async function cleanUpOver(
  request: { readonly olderThanMs: number; readonly statuses: readonly RunStatus[]; readonly limit: number },
  all: Partitioned,
): Promise<number> {
  const { olderThanMs, statuses, limit } = request;
  const most = Math.max(0, Math.min(limit, LIMITS.cleanupCheckpoints));
  const [first] = all.operations;
  const before = ((await first?.now()) ?? 0) - olderThanMs;
  const shares = await oldest(all.map, most, ({ keys }) =>
    statuses.map((status) => [
      "ZRANGEBYSCORE",
      keys.checkpointsByStatus(RUN_STATUS.encode(status)),
      "-inf",
      `(${before}`,
      "WITHSCORES",
      "LIMIT",
      "0",
      String(most),
    ]),
  );
  const removed = await Promise.all(
    all.operations.map((part, number) => part.checkpoints.cleanup({ ...request, limit: shares[number] ?? 0 })),
  );
  return removed.reduce((sum, count) => sum + count, 0);
}

/** How many of the oldest entries are in each partition. */
async function oldest(
  map: PartitionMap,
  most: number,
  readsOf: (partition: PartitionMap["all"][number]) => readonly (readonly string[])[],
): Promise<readonly number[]> {
  if (most === 0) return [];
  const found = await Promise.all(
    map.all.map(async (partition, number) => {
      const reads = readsOf(partition);
      const lists = reads.length === 0 ? [] : await partition.reads.all(reads);
      return lists.flatMap((list) => scoredOf(listOf(list)).map((entry) => ({ ...entry, number })));
    }),
  );
  const first = found
    .flat()
    .sort((a, b) => a.score - b.score || (a.member < b.member ? -1 : 1))
    .slice(0, most);
  return map.all.map((_, number) => first.filter((entry) => entry.number === number).length);
}

/** Records of requests whose sessions are gone. */
async function forgetRequests(map: PartitionMap): Promise<void> {
  await Promise.all(
    map.all.map(async ({ reads, keys, connection }) => {
      const [kept, sessions] = await reads.all([
        ["HKEYS", keys.requests],
        ["HKEYS", keys.sessions],
      ]);
      const there = new Set(listOf(sessions).map(String));
      const gone = listOf(kept)
        .map(String)
        .filter((session) => !there.has(session));
      if (gone.length > 0) await connection.call(keys.requests, ["HDEL", keys.requests, ...gone]);
    }),
  );
}
