/**
 * Redis as the suite is run over it: the server of the environment, or else the one on the loopback, under keys of each
 * case's own and with a clock that is moved by hand.
 */

import { env } from "node:process";
import { createClient } from "redis";
import { openRedis } from "../../src/backend/redis/index.ts";
import { manualClock, systemIds } from "../../src/core/ports.ts";
import type { NamespaceOption } from "../../src/testing/conformance/harness.ts";
import { START, type Subject } from "./subjects.ts";

const URL = env.MILLRACE_TEST_REDIS_URL || "redis://127.0.0.1:6379";

/** One namespace in so many partitions. */
export function redisServer(partitions: number): Subject {
  return async (clock = manualClock(START)) => {
    const prefix = `test-${systemIds.token()}`;
    const open = ({ namespace }: NamespaceOption = {}) =>
      openRedis({ url: URL, prefix, namespace, partitions, clock, durability: "none" });
    return { clock, open, reopen: open, dispose: () => removeKeys(prefix) };
  };
}

async function removeKeys(prefix: string): Promise<void> {
  const client = await createClient({ url: URL }).connect();
  for await (const keys of client.scanIterator({ MATCH: `{${prefix}:*`, COUNT: 1_000 })) {
    if (keys.length > 0) await client.unlink(keys);
  }
  await client.close();
}
