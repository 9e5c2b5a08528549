import { expect, test } from "vitest";
import { runConformance } from "../../src/testing/conformance/suite.ts";
import { redisServer } from "./subjects-redis.ts";

const { leftOut } = await runConformance(() => redisServer(4)(), { test });

test("Only what needs sessions attached in the process is left out", () => {
  expect([...new Set(leftOut.map(({ needs }) => needs))]).toEqual(["attachedSessions"]);
});
