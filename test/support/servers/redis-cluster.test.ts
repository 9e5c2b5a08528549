import { createCluster } from "redis";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { until } from "../../scenarios/harness/until.ts";
import { type RedisCluster, redisCluster } from "./redis-cluster.ts";

let cluster: RedisCluster;

beforeAll(async () => {
  cluster = await redisCluster({ nodeTimeoutMs: 2_000 });
});
afterAll(() => cluster.end());

async function openClient() {
  const client = createCluster({ rootNodes: [{ url: cluster.url }] });
  client.on("error", () => undefined);
  onTestFinished(() => client.destroy());
  await client.connect();
  return client;
}

test("keys of every slot can be written, and each node holds its third", async () => {
  const client = await openClient();
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  await Promise.all(keys.map((key) => client.set(key, key)));
  expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys);
  const sizes = await Promise.all(cluster.nodes.map((node) => node.call("DBSIZE")));
  expect(sizes.reduce((sum: number, size) => sum + Number(size), 0)).toBe(300);
  for (const size of sizes) expect(size).toBeGreaterThan(50);
});

test("keys of two slots do not go into one script", async () => {
  const [node] = cluster.nodes;
  await expect(node?.call("EVAL", "return 1", "2", "{a}x", "{b}x")).rejects.toThrow("CROSSSLOT");
});

test("a node that was killed comes back with its data and its slots", async () => {
  const client = await openClient();
  await client.set("{kept}", "1");
  for (const node of cluster.nodes) await node.restart();
  await cluster.ready();
  expect(await client.get("{kept}")).toBe("1");
});

test("a replica takes the place of a node that fails", async () => {
  const [first] = cluster.nodes;
  const replica = await cluster.addReplica(0);
  await first?.kill();
  await until("the replica is master", async () => (await replica.info("replication")).role === "master");
  await until("the others know", async () => {
    const info = await cluster.nodes[1]?.call("CLUSTER", "INFO");
    return String(info).includes("cluster_state:ok");
  });
  const client = createCluster({ rootNodes: [{ url: replica.url }] });
  onTestFinished(() => client.destroy());
  await client.connect();
  const keys = Array.from({ length: 30 }, (_, index) => `key-${index}`);
  for (const key of keys) await client.set(key, "after");
  expect(await client.get("key-0")).toBe("after");
});
