import { expect, test } from "vitest";
import { postgresSubject } from "../subjects-postgres.ts";
import { compareWithModel } from "./comparison.ts";

/** How often each of these happens at least, in a hundred histories. */
const HAPPENS = {
  completed: 500,
  held: 10,
  waiting_retry: 10,
  failed: 10,
  "claimed a join": 40,
  "claimed as timeout": 10,
  "claimed as stalled": 3,
  STALE_LEASE: 40,
  RUN_CLOSED: 40,
  CONTEXT_CONFLICT: 10,
  "sent again": 60,
  "pause done": 15,
  "resume done": 8,
  "cancel done": 4,
} as const;

const SEQUENCES = 40;
const subject = postgresSubject();

test("PostgreSQL does what memory does, whatever happens to it", async () => {
  const tally = await compareWithModel(subject, SEQUENCES, { part: 5 });
  const rare = Object.entries(HAPPENS).filter(([what, count]) => (tally.get(what) ?? 0) < (count * SEQUENCES) / 100);
  expect(rare.map(([what]) => `${what}: ${tally.get(what) ?? 0}`)).toEqual([]);
}, 300_000);
