import { readdirSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { expect, onTestFinished, test } from "vitest";
import { ProtocolWorker, startOf } from "../../../test/backend/engine.ts";
import { openBetterSqlite, openScratch, runProgram, scratchFile } from "../../../test/support/sqlite-scratch.ts";
import { type ErrorCode, isMillraceError } from "../../core/errors.ts";
import { manualClock } from "../../core/ports.ts";
import { openSqlite } from "./index.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

test("opening, using and closing a store says nothing on stderr, and lets the process end", async () => {
  const body = `
    const store = await sqlite.openSqlite({ path: parameters[0] });
    store.subscribe(() => undefined);
    await store.publish([{ hash: "h", name: "w", version: "1", json: "{}" }], { replace: false });
    process.emitWarning("mine");`;
  const { code, stdout, stderr } = await runProgram(body, scratchFile());
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  expect(stderr).toMatch(/mine/);
  expect(stderr).not.toMatch(/SQLite/i);
});

test.each([
  [undefined, "power", 2],
  ["power", "power", 2],
  ["process", "process", 1],
] as const)("asked for the tier %s, a file has %s, by its real setting", async (durability, tier, synchronous) => {
  const handle = openBetterSqlite(scratchFile());
  onTestFinished(() => {
    handle.close();
  });
  const store = await openSqlite({ database: handle, durability });
  expect(store.capabilities).toEqual({ durability: tier, shared: true, pushWakeups: false, renewal: "main" });
  expect(handle.pragma("synchronous", { simple: true })).toBe(synchronous);
  expect(handle.pragma("journal_mode", { simple: true })).toBe("wal");
});

test("a file can be renewed from a second thread, memory only from within", async () => {
  const path = scratchFile();
  const file = await openScratch({ path });
  expect(file.capabilities).toMatchObject({ renewal: "thread", shared: true });
  expect(file.renewalUrl).toBe(`sqlite:${path}`);
  const memory = await openScratch({ path: ":memory:" });
  expect(memory.capabilities).toEqual({ durability: "none", shared: false, pushWakeups: false, renewal: "inProcess" });
  expect(memory.renewalUrl).toBeUndefined();
});

test("a handle stays its owner's to close, and later use of a closed one is CLOSED", async () => {
  const handle = openBetterSqlite(scratchFile());
  const store = await openScratch({ database: handle });
  await store.startRuns([startOf("run-1")]);
  await store.close();
  expect(handle.open).toBe(true);
  const again = await openSqlite({ database: handle });
  expect((await again.read.run("run-1"))?.id).toBe("run-1");
  handle.close();
  await expect(again.read.run("run-1")).rejects.toThrow(failsWith("CLOSED"));
  await expect(again.startRuns([startOf("run-2")])).rejects.toThrow(failsWith("CLOSED"));
  await again.close();
});

test("stores on one handle in different namespaces share nothing but the file", async () => {
  const handle = new DatabaseSync(":memory:");
  const [a, b] = [
    await openScratch({ database: handle, namespace: "a" }),
    await openScratch({ database: handle, namespace: "b" }),
  ];
  await a.startRuns([startOf("run-1")]);
  await b.startRuns([startOf("run-1", { tags: { of: "b" } })]);
  expect([(await a.read.run("run-1"))?.tags, (await b.read.run("run-1"))?.tags]).toEqual([{}, { of: "b" }]);
  const worker = await ProtocolWorker.open(a, "s1");
  expect(await worker.claim({ limit: 10 })).toHaveLength(1);
  expect(await b.read.session("s1")).toBeUndefined();
});

test("stores on one handle in one namespace see the same truth", async () => {
  const handle = new DatabaseSync(":memory:");
  const [one, other] = [await openScratch({ database: handle }), await openScratch({ database: handle })];
  await one.startRuns([startOf("run-1")]);
  expect((await other.read.runState("run-1"))?.status).toBe("running");
  await other.control([{ action: { kind: "pause", runId: "run-1" } }]);
  expect((await one.read.runState("run-1"))?.status).toBe("paused");
});

test.each([
  ["neither path nor handle", {}],
  ["both", { path: ":memory:", database: new DatabaseSync(":memory:") }],
  ["an empty path", { path: "" }],
])("%s is refused", async (_, options) => {
  await expect(openSqlite(options)).rejects.toThrow(failsWith("INVALID_CONFIG"));
});

test("a handle that cannot be written to is refused", async () => {
  const path = scratchFile();
  await (await openSqlite({ path })).close();
  const readonly = openBetterSqlite(path, { readonly: true });
  await expect(openSqlite({ database: readonly })).rejects.toThrow(failsWith("INVALID_CONFIG"));
  readonly.close();
  await expect(openSqlite({ database: readonly })).rejects.toThrow(failsWith("INVALID_CONFIG"));
});

test("a transaction that the owner of a handle left open is waited for", async () => {
  const handle = openBetterSqlite(scratchFile());
  const store = await openScratch({ database: handle });
  handle.exec("BEGIN");
  const started = store.startRuns([startOf("run-1")]);
  handle.exec("COMMIT");
  expect(await started).toMatchObject([{ kind: "started" }]);
});

test("the clock never goes back for whoever asks a handle", async () => {
  const clock = manualClock(5_000);
  const store = await openScratch({ path: ":memory:", clock });
  expect(await store.now()).toBe(5_000);
  clock.jump(-3_000);
  expect(await store.now()).toBe(5_000);
  clock.jump(10_000);
  expect(await store.now()).toBe(12_000);
});

test("closing leaves one file, with nothing beside it", async () => {
  const path = scratchFile();
  const store = await openSqlite({ path });
  await store.close();
  expect(readdirSync(path.replace(/\/[^/]*$/, ""))).toEqual(["store.db"]);
});

test("the log is moved into the file when nothing is written any more", async () => {
  const path = scratchFile();
  const waitingClock = manualClock();
  const store = await openScratch({ path, waitingClock });
  await store.startRuns(Array.from({ length: 50 }, (_, at) => startOf(`run-${at}`)));
  const before = statSync(path).size;
  await waitingClock.advance(2_000);
  expect(statSync(path).size).toBeGreaterThan(before);
});

test("a run whose rows are damaged does not keep others from being worked on", async () => {
  const handle = new DatabaseSync(":memory:");
  const store = await openScratch({ database: handle });
  await store.startRuns(["run-1", "run-2", "run-3", "run-4"].map((id) => startOf(id)));
  handle.exec("UPDATE item SET extra = '{' WHERE run = (SELECT id FROM run WHERE name = 'run-1')");
  handle.exec("UPDATE run SET status = 99 WHERE name = 'run-2'");
  handle.exec("UPDATE run SET field_sequences = '[1' WHERE name = 'run-3'");
  // As another program would have done it: nothing of these runs is known from before.
  const other = await openScratch({ database: copyOf(handle) });
  const worker = await ProtocolWorker.open(other, "s1");
  expect((await worker.claim({ limit: 10 })).map(({ item }) => item.runId)).toEqual(["run-4"]);
  expect(await worker.claim({ limit: 10 })).toEqual([]);
  await expect(other.read.run("run-2")).rejects.toThrow(failsWith("BACKEND_CORRUPT"));
  expect((await other.read.run("run-4"))?.status).toBe("running");
});

function copyOf(handle: DatabaseSync): DatabaseSync {
  const path = scratchFile();
  handle.exec(`VACUUM INTO '${path}'`);
  return new DatabaseSync(path);
}
