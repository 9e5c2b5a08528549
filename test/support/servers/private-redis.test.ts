import { existsSync } from "node:fs";
import { createClient } from "redis";
import { expect, test } from "vitest";
import { privateRedis, redisReplica } from "./private-redis.ts";
import { tcpProxy } from "./tcp-proxy.ts";

test.each([
  ["always", "still there"],
  ["no", null],
] as const)("with appendonly %s, what it held is %s after a kill", async (appendonly, after) => {
  await using redis = await privateRedis({ appendonly });
  await redis.call("SET", "held", "still there");
  const before = redis.pid;

  await redis.kill();
  expect(redis.pid).toBeUndefined();
  await expect(redis.call("PING")).rejects.toThrow("ECONNREFUSED");

  await redis.start();
  expect(redis.pid).not.toBe(before);
  expect(await redis.call("GET", "held")).toBe(after);
});

test("it syncs every second unless told, and writes what it holds when it is stopped", async () => {
  await using redis = await privateRedis();
  expect(await redis.call("CONFIG", "GET", "appendfsync")).toEqual({ appendfsync: "everysec" });
  await redis.call("SET", "held", "1");
  await redis.stop();
  await redis.start();
  expect(await redis.call("GET", "held")).toBe("1");
  expect(await redis.info("persistence")).toMatchObject({ aof_enabled: "1", loading: "0" });
});

test("it has the configuration it was given, a password too, and leaves nothing when it ends", async () => {
  const redis = await privateRedis({
    config: { maxmemory: "2mb", "maxmemory-policy": "allkeys-lru", requirepass: "a/b" },
  });
  expect((await redis.info("memory")).maxmemory_policy).toBe("allkeys-lru");
  expect(redis.url).toMatch(/^redis:\/\/:a%2Fb@127\.0\.0\.1:\d+$/);
  await redis.end();
  await redis.end();
  expect(existsSync(redis.folder)).toBe(false);
});

test("one that cannot start says why", async () => {
  await expect(privateRedis({ config: { maxmemory: "much" } })).rejects.toThrow(/maxmemory/);
});

test("a replica behind a proxy misses what its master took while they were apart, and keeps that once promoted", async () => {
  await using master = await privateRedis();
  await using proxy = await tcpProxy(master.url);
  await using replica = await redisReplica(proxy);
  await master.call("SET", "shared", "1");
  expect(await master.call("WAIT", "1", "5000")).toBe(1);

  proxy.blackHole();
  await master.call("SET", "late", "1");
  await replica.promote();

  expect(await replica.call("MGET", "shared", "late")).toEqual(["1", null]);
  await replica.restart();
  expect((await replica.info("replication")).role).toBe("master");
  expect(await replica.call("SET", "own", "1")).toBe("OK");
});

test("the driver's own clients reach it by its URL", async () => {
  await using redis = await privateRedis();
  const client = createClient({ url: redis.url });
  await client.connect();
  expect(await client.eval("return redis.call('PING')")).toBe("PONG");
  client.destroy();
});
