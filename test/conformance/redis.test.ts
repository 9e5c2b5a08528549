import { afterAll, expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { privateRedis } from "../support/servers/private-redis.ts";
import { redisServer } from "./subjects-redis.ts";

const server = await privateRedis({ appendonly: "everysec" });
afterAll(() => server.end());

const { leftOut } = await runConformance(() => redisServer(server.url, 1)(), { test });

test("Only what needs sessions attached in the process is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual(["attachedSessions"]);
});
