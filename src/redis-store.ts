/**
 * Opening a store on Redis by options instead of a URL: what `connect` cannot say in one, such as a client that the
 * program has already. Everything else of a backend is the same on every store.
 */

import type { RedisInspection, RedisOptions } from "./backend/redis/index.ts";
import { type Backend, defineBackend } from "./stores/backend.ts";

/**
 * Opens a store on a Redis server, 6.2 or later, or on a cluster. Any number of machines may open the same one. What an
 * acknowledged write survives is read from the servers; one that keeps no file of its writes, or that throws keys away when it
 * is full, is refused unless `durability: "none"` is named. Throws `INVALID_CONFIG` for what cannot be such a server,
 * `INVALID_VALUE` for what is no URL or namespace, `MISSING_DEPENDENCY` without the package `redis`, `DURABILITY_TOO_WEAK`,
 * `BACKEND_TOO_NEW`, or `BACKEND_UNAVAILABLE` when no server can be reached.
 */
export async function redis(options: RedisOptions): Promise<Backend> {
  const { openRedis } = await import("./backend/redis/index.ts");
  return defineBackend(await openRedis(options));
}

/**
 * What a server, or each server of a cluster, is set to, as far as that matters to a store; it changes nothing. Throws
 * `INVALID_VALUE` for what is no URL, or `BACKEND_UNAVAILABLE`.
 */
export async function inspectRedis(url: string): Promise<RedisInspection> {
  const { inspectServers } = await import("./backend/redis/index.ts");
  return await inspectServers(url);
}
