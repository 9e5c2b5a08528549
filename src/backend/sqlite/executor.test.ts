import { expect, onTestFinished, test } from "vitest";
import { startOf } from "../../../test/backend/engine.ts";
import { openScratch, runProgram, scratchFile } from "../../../test/support/sqlite-scratch.ts";
import { type ErrorCode, isMillraceError } from "../../core/errors.ts";
import { manualClock, seededRandom, systemClock } from "../../core/ports.ts";
import { openNodeSqlite } from "./connection.ts";
import { Database } from "./database.ts";
import { SqliteExecutor } from "./executor.ts";
import { openSqlite } from "./index.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

interface Scratch {
  readonly executor: SqliteExecutor;
  readonly db: Database;
  readonly counts: { commits: number; rollbacks: number };
  put(value: number): void;
  values(): readonly unknown[];
}

function scratch(
  path = ":memory:",
  clock: Pick<typeof systemClock, "monotonic" | "sleep" | "setTimer"> = systemClock,
  totalMs = 2_000,
): Scratch {
  const db = new Database(openNodeSqlite(path), path);
  if (path !== ":memory:") db.pragma("journal_mode = WAL");
  db.exec("CREATE TABLE IF NOT EXISTS t (value INTEGER PRIMARY KEY) STRICT");
  const counts = { commits: 0, rollbacks: 0 };
  const executor = new SqliteExecutor({
    db,
    waiting: { clock, random: seededRandom(1), totalMs },
    onBegin: () => undefined,
    onRollback: () => {
      counts.rollbacks += 1;
    },
    onCommit: () => {
      counts.commits += 1;
    },
    makeRoom: () => true,
    onClose: () => db.close(),
  });
  onTestFinished(() => executor.close());
  const put = (value: number): void => db.statement("INSERT INTO t VALUES (?)").run(value);
  const values = () => db.query("SELECT value FROM t ORDER BY value", []).map((row) => row[0]);
  return { executor, db, counts, put, values };
}

test("what is written in one turn shares one transaction", async () => {
  const { executor, counts, put, values } = scratch();
  const putAndTell = (value: number) => () => {
    put(value);
    return value * 10;
  };
  const answers = await Promise.all([1, 2, 3].map((value) => executor.write(putAndTell(value))));
  expect(answers).toEqual([10, 20, 30]);
  expect(counts).toEqual({ commits: 1, rollbacks: 0 });
  expect(values()).toEqual([1, 2, 3]);
});

test("a write that fails leaves no trace and takes no other along", async () => {
  const { executor, counts, put, values } = scratch();
  const outcomes = await Promise.allSettled([
    executor.write(() => put(1)),
    executor.write(() => {
      put(2);
      throw new RangeError("no");
    }),
    executor.write(() => {
      put(3);
      put(1);
    }),
    executor.write(() => put(4)),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  expect(outcomes[1]).toMatchObject({ reason: new RangeError("no") });
  expect(outcomes[2]).toMatchObject({ reason: { code: "INTERNAL" } });
  expect(values()).toEqual([1, 4]);
  expect(counts).toEqual({ commits: 1, rollbacks: 2 });
});

test("writes come in the order in which they were asked for", async () => {
  const { executor } = scratch();
  const order: number[] = [];
  await Promise.all(Array.from({ length: 50 }, (_, at) => executor.write(() => order.push(at))));
  expect(order).toEqual(Array.from({ length: 50 }, (_, at) => at));
});

test("a transaction that takes long is ended, and what is left goes into the next one", async () => {
  let now = 0;
  const clock = { monotonic: () => now, sleep: async () => undefined, setTimer: systemClock.setTimer };
  const { executor, counts, put, values } = scratch(":memory:", clock);
  const slow = (value: number) => () => {
    put(value);
    now += 30;
  };
  await Promise.all([1, 2, 3].map((value) => executor.write(slow(value))));
  expect(values()).toEqual([1, 2, 3]);
  expect(counts.commits).toBe(3);
});

test("a lost transaction is run again for those that did not lose it", async () => {
  const { executor, db, counts, put, values } = scratch();
  const outcomes = await Promise.allSettled([
    executor.write(() => put(1)),
    executor.write(() => {
      put(2);
      db.exec("ROLLBACK"); // as SQLite does by itself when the disk is full
      throw Object.assign(new Error("database or disk is full"), { code: "SQLITE_FULL" });
    }),
    executor.write(() => put(3)),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(outcomes[1]).toMatchObject({ reason: { code: "STORE_FULL" } });
  expect(values()).toEqual([1, 3]);
  // Once for each time that it found no room: it is tried again after some was made.
  expect(counts.rollbacks).toBe(2);
});

test("after the disk has not confirmed a write, nothing more is written, and reads go on", async () => {
  const { executor, put, values } = scratch();
  await executor.write(() => put(1));
  const failing = executor.write(() => {
    put(2);
    throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_FSYNC" });
  });
  await expect(failing).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  await expect(executor.write(() => put(3))).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  expect(await executor.read(values)).toEqual([1]);
});

test("an I/O error that has nothing to do with syncing refuses that write alone", async () => {
  const { executor, put, values } = scratch();
  const failing = executor.write(() => {
    throw Object.assign(new Error("disk I/O error"), { code: "SQLITE_IOERR_READ" });
  });
  await expect(failing).rejects.toThrow(failsWith("BACKEND_UNAVAILABLE"));
  await executor.write(() => put(3));
  expect(values()).toEqual([3]);
});

test("a read cannot write, and sees what was acknowledged before it", async () => {
  const { executor, put, values } = scratch();
  await executor.write(() => put(1));
  await executor.read(() => put(2));
  expect(await executor.read(values)).toEqual([1]);
});

test("a lock of somebody else is waited for without holding up the event loop", async () => {
  const path = scratchFile();
  const [one, other] = [scratch(path), scratch(path)];
  other.db.exec("BEGIN IMMEDIATE");
  let turns = 0;
  const counting = systemClock.setTimer(0, function turn() {
    turns += 1;
    if (turns < 5) systemClock.setTimer(0, turn);
    else other.db.exec("COMMIT");
  });
  await one.executor.write(() => one.put(1));
  counting.cancel();
  expect(turns).toBe(5);
  expect(one.values()).toEqual([1]);
});

test("writes that queue up behind a lock share the transaction in the end", async () => {
  const path = scratchFile();
  const clock = manualClock();
  const [one, other] = [scratch(path, clock), scratch(path)];
  other.db.exec("BEGIN IMMEDIATE");
  const first = one.executor.write(() => one.put(1));
  await clock.advance(3);
  const second = one.executor.write(() => one.put(2));
  other.db.exec("COMMIT");
  await clock.advance(50);
  await Promise.all([first, second]);
  expect(one.counts.commits).toBe(1);
});

test("a lock that is never released makes the store unavailable, for all that wait", async () => {
  const path = scratchFile();
  const clock = manualClock();
  const [one, other] = [scratch(path, clock, 500), scratch(path)];
  other.db.exec("BEGIN IMMEDIATE");
  const writes = Promise.allSettled([1, 2].map((value) => one.executor.write(() => one.put(value))));
  await clock.advance(1_000);
  expect(await writes).toMatchObject([
    { status: "rejected", reason: { code: "BACKEND_UNAVAILABLE" } },
    { status: "rejected", reason: { code: "BACKEND_UNAVAILABLE" } },
  ]);
  other.db.exec("COMMIT");
  await one.executor.write(() => one.put(3));
  expect(one.values()).toEqual([3]);
});

test("a closed store refuses everything with CLOSED, after what was on its way", async () => {
  const { executor, put } = scratch();
  const before = executor.write(() => put(1));
  const closed = executor.close();
  await expect(executor.write(() => put(2))).rejects.toThrow(failsWith("CLOSED"));
  await expect(executor.read(() => 1)).rejects.toThrow(failsWith("CLOSED"));
  await expect(before).resolves.toBeUndefined();
  await closed;
  await expect(executor.close()).resolves.toBeUndefined();
});

test("two handles that write as fast as they can both get through, and lose nothing", async () => {
  const path = scratchFile();
  const stores = [await openScratch({ path }), await openScratch({ path })];
  await Promise.all(
    stores.flatMap((store, side) =>
      Array.from({ length: 40 }, (_, at) => store.startRuns([startOf(`run-${side}-${at}`)])),
    ),
  );
  const [store] = stores;
  expect((await store?.read.runs({}, { limit: 1_000 }))?.entries).toHaveLength(80);
});

test("processes that write to one file at once lose nothing", async () => {
  const path = scratchFile();
  await (await openSqlite({ path })).close();
  const body = `
    const store = await sqlite.openSqlite({ path: parameters[0], durability: "process" });
    for (let at = 0; at < 40; at += 1) {
      await store.publish([{ hash: parameters[1] + "-" + at, name: "w" + parameters[1], version: String(at), json: "{}" }], { replace: false });
    }
    await store.close();`;
  const ends = await Promise.all(["a", "b", "c"].map((side) => runProgram(body, path, side)));
  for (const end of ends) expect(end).toEqual({ code: 0, stdout: "", stderr: "" });
  const store = await openScratch({ path });
  expect(await store.read.definitions()).toHaveLength(121);
});
