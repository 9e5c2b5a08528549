import { afterAll, expect, test } from "vitest";
import { privateRedis } from "../../support/servers/private-redis.ts";
import type { Subject } from "../subjects.ts";
import { redisServer } from "../subjects-redis.ts";
import { compareWithModel } from "./comparison.ts";

/** How often each of these happens at least, in a hundred histories. */
const HAPPENS = {
  completed: 500,
  held: 10,
  waiting_retry: 10,
  failed: 10,
  "claimed a join": 40,
  "claimed as timeout": 10,
  "took over a stalled item": 5,
  STALE_LEASE: 40,
  RUN_CLOSED: 40,
  CONTEXT_CONFLICT: 10,
  "sent again": 60,
  "pause done": 15,
  "resume done": 8,
  "delete done": 2,
} as const;

const server = await privateRedis({ appendonly: "everysec" });
afterAll(() => server.end());

const SUBJECTS: readonly (readonly [string, Subject, number, number])[] = [
  ["in one partition", redisServer(server.url, 1), 40, 4],
  ["in four partitions", redisServer(server.url, 4), 30, 5],
];

test.each(SUBJECTS)(
  "Redis %s does what memory does, whatever happens to it",
  async (_name, subject, sequences, part) => {
    const tally = await compareWithModel(subject, sequences, { part, inPartitions: part === 5 });
    const rare = Object.entries(HAPPENS).filter(([what, count]) => (tally.get(what) ?? 0) < (count * sequences) / 100);
    expect(rare.map(([what]) => `${what}: ${tally.get(what) ?? 0}`)).toEqual([]);
  },
  600_000,
);
