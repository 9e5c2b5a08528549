import { afterAll, expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { redisCluster } from "../support/servers/redis-cluster.ts";
import { redisServer } from "./subjects-redis.ts";

// Partitions enough to lie on all three nodes.
const cluster = await redisCluster({ appendonly: "everysec" });
afterAll(() => cluster.end());

const { leftOut } = await runConformance(() => redisServer(`${cluster.url}/?cluster=true`, 6)(), { test });

test("Only what needs sessions attached in the process is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual(["attachedSessions"]);
});
