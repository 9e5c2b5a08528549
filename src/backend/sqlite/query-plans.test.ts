import { DatabaseSync } from "node:sqlite";
import { beforeAll, expect, test } from "vitest";
import { commitOf, DEFINITION, emit, output, ProtocolWorker, startOf } from "../../../test/backend/engine.ts";
import { manualClock } from "../../core/ports.ts";
import { CLAIM_QUERIES } from "./claimable-items.ts";
import { openSqlite } from "./index.ts";
import { UPDATE_ITEM } from "./item-row.ts";
import { ITEM_QUERIES } from "./items.ts";
import { UPDATE_COUNTS, UPDATE_STATUS } from "./run-row.ts";
import { RUN_QUERIES } from "./runs.ts";

/** A database with finished and open runs in it, and figures that `ANALYZE` gave, so that plans are those of a real one. */
const database = new DatabaseSync(":memory:");
/** Every statement that requests and reads of a whole life of runs have prepared. */
const prepared = new Set<string>();

beforeAll(async () => {
  const prepare = database.prepare.bind(database);
  database.prepare = (sql: string) => {
    prepared.add(sql);
    return prepare(sql);
  };
  const clock = manualClock(1_000);
  const store = await openSqlite({ database, clock });
  await store.publish([{ hash: DEFINITION, name: "orders", version: "1.0.0", json: "{}" }], { replace: false });
  const worker = await ProtocolWorker.open(store, "s1");
  await store.startRuns(
    Array.from({ length: 60 }, (_, at) => startOf(`run-${at}`, { timeoutMs: 1e6, tags: { at: "x" } })),
  );
  for (let round = 0; round < 4; round += 1) {
    const items = await worker.claim({ limit: 30 });
    await worker.exchange(items.map((item) => commitOf(item, round < 2 ? emit(["second"]) : output("1"))));
  }
  await worker.claim({ limit: 10 });
  await clock.advance(60_000);
  const other = await ProtocolWorker.open(store, "s2");
  const [taken] = await other.claim({ limit: 5 });
  if (taken !== undefined)
    await other.finish(taken, { kind: "retry", delayMs: 5, failure: { code: "E", message: "m" } });
  await store.control([{ action: { kind: "cancel", runId: "run-50" } }]);
  await store.purge({ before: 0, limit: 10 });
  await store.closeSession("s1");
  database.exec("ANALYZE");
});

function planOf(sql: string): string {
  const steps = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
  return steps.map((step) => String(step.detail)).join("; ");
}

test.each([
  ["ready", "COVERING INDEX item_ready (lane=?)"],
  ["stalled", "COVERING INDEX item_stalled (lane=?)"],
  ["due", "COVERING INDEX item_due (ns=? AND place_key<?)"],
  ["nextDue", "COVERING INDEX item_due (ns=?)"],
  ["nextBusySession", "COVERING INDEX item_busy (session>?)"],
  ["busy", "COVERING INDEX item_busy (session=? AND place=? AND place_key<?)"],
  ["nextBusy", "COVERING INDEX item_busy (session=? AND place=?)"],
  ["nextTimeout", "INDEX run_by_timeout (ns=? AND timeout_at>?)"],
] as const)("a claim finds %s by walking its own index, in order", (query, index) => {
  const plan = planOf(CLAIM_QUERIES[query]);
  expect(plan).toContain(index);
  expect(plan).not.toMatch(/SCAN|TEMP B-TREE/);
});

test.each([
  ["a run", RUN_QUERIES.byName, "INDEX run_by_name (ns=? AND name=?)"],
  [
    "a run by its idempotency key",
    RUN_QUERIES.byKey,
    "INDEX run_detail_by_key (ns=? AND workflow=? AND idempotency_key=?)",
  ],
  ["runs whose time is over", RUN_QUERIES.expired, "INDEX run_by_timeout (ns=? AND timeout_at>? AND timeout_at<?)"],
  ["runs to be purged", RUN_QUERIES.finished, "INDEX run_by_finish (ns=? AND finished_at>? AND finished_at<?)"],
  ["an item", ITEM_QUERIES.byNumber, "INDEX item_by_number (run=? AND number=?)"],
  ["what a session holds", ITEM_QUERIES.ofSession, "INDEX item_busy (session=?)"],
  ["what lies aside", ITEM_QUERIES.aside, "INDEX item_aside (run=?)"],
  ["the backlog of a lane", CLAIM_QUERIES.backlog, "INDEX item_ready (lane=?)"],
  ["an item to write", UPDATE_ITEM, "INTEGER PRIMARY KEY (rowid=?)"],
  ["a run's counters", UPDATE_COUNTS, "INTEGER PRIMARY KEY (rowid=?)"],
  ["a run's status", UPDATE_STATUS, "INTEGER PRIMARY KEY (rowid=?)"],
])("%s is found by index", (_, sql, index) => {
  expect(planOf(sql)).toContain(index);
});

test("no statement of the protocol scans a table that grows with history", () => {
  const growing =
    /\bSCAN (item|run|run_detail|delta|payload|arrival|output|failure|metric|log|audit|branch_group|memo|snapshot)\b/;
  const scans = [...prepared].filter(
    (sql) => /^\s*(SELECT|UPDATE|DELETE|INSERT)/.test(sql) && growing.test(planOf(sql)),
  );
  expect(scans).toEqual([]);
  expect(prepared.size).toBeGreaterThan(40);
});
