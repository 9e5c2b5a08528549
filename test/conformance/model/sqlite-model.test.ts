import { expect, test } from "vitest";
import { type Subject, sqliteInMemory, sqliteOnFile, sqliteThroughBetterSqlite } from "../subjects.ts";
import { compareWithModel } from "./comparison.ts";

/** How often each of these happens at least, in a hundred histories. */
const HAPPENS = {
  completed: 500,
  held: 10,
  waiting_retry: 10,
  failed: 10,
  permanently_failed: 5,
  pending: 20,
  "claimed a join": 40,
  "claimed as timeout": 10,
  "claimed as deadline": 3,
  "claimed as stalled": 3,
  "took over a stalled item": 5,
  STALE_LEASE: 40,
  RUN_CLOSED: 40,
  CONTEXT_CONFLICT: 10,
  COMMIT_CONFLICT: 40,
  "sent again": 60,
  "pause done": 15,
  "resume done": 8,
  "cancel done": 4,
  "retryItem done": 1,
  "delete done": 2,
} as const;

const SUBJECTS: readonly (readonly [string, Subject, number, number])[] = [
  ["in memory", sqliteInMemory, 80, 1],
  ["on file", sqliteOnFile, 60, 2],
  ["through a better-sqlite3 handle", sqliteThroughBetterSqlite, 60, 3],
];

test.each(SUBJECTS)(
  "SQLite %s does what memory does, whatever happens to it",
  async (_name, subject, sequences, part) => {
    const tally = await compareWithModel(subject, sequences, { part });
    const rare = Object.entries(HAPPENS).filter(([what, count]) => (tally.get(what) ?? 0) < (count * sequences) / 100);
    expect(rare.map(([what]) => `${what}: ${tally.get(what) ?? 0}`)).toEqual([]);
  },
  300_000,
);
