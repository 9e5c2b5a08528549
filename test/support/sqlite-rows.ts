/**
 * Rows for tests of the SQLite store: two stores on one database that know nothing of each other's rows, and runs and
 * items with whatever a hostile caller could put into them.
 */

import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import type { RunDetails, RunState } from "../../src/backend/contract/run.ts";
import type { WorkItem } from "../../src/backend/contract/work-item.ts";
import { adoptHandle } from "../../src/backend/sqlite/connection.ts";
import { Database } from "../../src/backend/sqlite/database.ts";
import { Identities } from "../../src/backend/sqlite/identities.ts";
import { RecentRows } from "../../src/backend/sqlite/recent-rows.ts";
import { sqliteRowStore } from "../../src/backend/sqlite/row-store.ts";
import { migrate, namespaceNumber } from "../../src/backend/sqlite/schema.ts";
import type { RowStore } from "../../src/backend/synchronous/row-store.ts";
import { seededRandom, systemClock } from "../../src/core/ports.ts";

/** Two stores on one database that know nothing of each other's rows: what one writes, the other reads from the file. */
export async function twoStores(): Promise<{
  readonly writer: RowStore;
  readonly reader: RowStore;
  readonly forget: () => void;
  readonly db: Database;
}> {
  const handle = new DatabaseSync(":memory:");
  const db = new Database(adoptHandle(handle).driver, ":memory:");
  const waiting = { clock: systemClock, random: seededRandom(1), totalMs: 1_000 };
  await migrate(db, waiting);
  const ns = await namespaceNumber(db, "default", waiting);
  const recent = new RecentRows();
  const ids = new Identities(db, ns);
  return {
    db,
    writer: sqliteRowStore({ db, ns, ids: new Identities(db, ns), recent: new RecentRows() }),
    reader: sqliteRowStore({ db, ns, ids, recent }),
    forget() {
      recent.forget();
      ids.forget();
    },
  };
}

export const hostileText = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\0", "\ud800", "\udfff", "\u0001", "'", '"', "%", "💧"),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
});
export const bytes = fc.uint8Array({ maxLength: 1_200 });
const instant = fc.integer({ min: 0, max: 8_000_000_000_000_000 });
const count = fc.nat({ max: 1_000_000 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
export const failure = fc.record(
  {
    code: hostileText,
    message: hostileText,
    stack: hostileText,
    details: fc.constantFrom<unknown>(null, [1, "\0"], { a: "\ud800" }),
  },
  { requiredKeys: ["code", "message"] },
);

export const runState: fc.Arbitrary<RunState> = fc.record({
  id: hostileText,
  definition: hostileText,
  status: fc.constantFrom("running", "waiting", "paused", "compensating", "completed", "failed", "cancelled"),
  generation: count,
  sequence: count,
  commits: count,
  items: count,
  open: count,
  parked: count,
  held: count,
  outputs: count,
  completed: count,
  failed: count,
  retried: count,
  conflicts: count,
  completion: fc.constantFrom("single", "first", "all"),
  maxItems: count,
  priority: fc.integer(),
  timeoutAt: optional(instant),
  createdAt: instant,
  statusAt: instant,
  finishedAt: optional(instant),
  fieldSequences: fc.array(count, { maxLength: 5 }),
  affinity: optional(hostileText),
});

export const runDetails: fc.Arbitrary<RunDetails> = fc.record({
  workflow: hostileText,
  version: hostileText,
  input: bytes,
  output: optional(bytes),
  failure: optional(failure),
  tags: fc.dictionary(fc.oneof(hostileText, fc.constant("__proto__"), fc.constant("constructor")), hostileText, {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  idempotencyKey: optional(hostileText),
  inputDigest: hostileText,
  parent: optional(fc.record({ runId: hostileText, item: count })),
});

export const workItem = (runId: string): fc.Arbitrary<WorkItem> =>
  fc.record({
    runId: fc.constant(runId),
    item: count,
    node: hostileText,
    kind: fc.constantFrom("node", "join"),
    status: fc.constantFrom(
      "pending",
      "in_progress",
      "waiting_retry",
      "waiting",
      "held",
      "completed",
      "failed",
      "permanently_failed",
    ),
    from: optional(count),
    attempts: count,
    stalls: fc.nat({ max: 3 }),
    conflicts: count,
    epoch: count,
    session: optional(hostileText),
    claimedAt: optional(instant),
    readyAt: instant,
    priority: fc.integer(),
    queue: hostileText,
    labels: fc.array(hostileText, { maxLength: 3 }),
    keys: fc.array(hostileText, { maxLength: 3 }),
    group: optional(count),
    joins: optional(count),
    index: count,
    path: fc.constantFrom("", "0000", "000a0001"),
    createdAt: instant,
    endedAt: optional(instant),
    commit: count,
    timeoutMs: instant,
    timeoutAt: optional(instant),
    deadlineMs: optional(instant),
    deadlineAt: optional(instant),
    reason: fc.constantFrom("ready", "stalled", "timeout", "deadline"),
    revision: count,
    commitDigest: optional(hostileText),
    waitedMs: optional(fc.double({ min: 0, max: 1e12, noNaN: true })),
    ranMs: optional(count),
    failure: optional(failure),
  });

export const RUN: RunState = {
  id: "run-1",
  definition: "d",
  status: "running",
  generation: 0,
  sequence: 0,
  commits: 0,
  items: 1,
  open: 1,
  parked: 0,
  held: 0,
  outputs: 0,
  completed: 0,
  failed: 0,
  retried: 0,
  conflicts: 0,
  completion: "single",
  maxItems: 10,
  priority: 0,
  timeoutAt: undefined,
  createdAt: 1,
  statusAt: 1,
  finishedAt: undefined,
  fieldSequences: [],
  affinity: undefined,
};
export const DETAILS: RunDetails = {
  workflow: "w",
  version: "1",
  input: new Uint8Array(),
  output: undefined,
  failure: undefined,
  tags: {},
  idempotencyKey: undefined,
  inputDigest: "",
  parent: undefined,
};
