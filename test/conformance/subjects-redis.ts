/**
 * Redis as the suite is run over it: a private server or cluster that keeps a file of its writes, under keys of each case's
 * own and with a clock that is moved by hand.
 */

import { openRedis } from "../../src/backend/redis/index.ts";
import { manualClock, systemIds } from "../../src/core/ports.ts";
import type { NamespaceOption } from "../../src/testing/conformance/harness.ts";
import { START, type Subject } from "./subjects.ts";

/** One namespace in so many partitions on the server, or the cluster, at the URL. Its keys go away with the server. */
export function redisServer(url: string, partitions: number): Subject {
  return async (clock = manualClock(START)) => {
    const prefix = `test-${systemIds.token()}`;
    const open = ({ namespace }: NamespaceOption = {}) => openRedis({ url, prefix, namespace, partitions, clock });
    return { clock, open, reopen: open, dispose: async () => undefined };
  };
}
