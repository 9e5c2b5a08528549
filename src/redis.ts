/**
 * The public API of `millrace/redis`: a store on a Redis server or cluster, opened by options instead of a URL. Everything
 * else of a backend is the same on every store and lives in `millrace`.
 */

import "./node-version.ts";

export type {
  RedisClientHandle,
  RedisClusterHandle,
  RedisHandle,
  RedisInspection,
  RedisNode,
  RedisOptions,
  RedisWaitOptions,
} from "./backend/redis/index.ts";
export { inspectRedis, redis } from "./redis-store.ts";
