import { copyFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { newItem, output, ProtocolWorker, publishDefinition, startOf } from "../../../test/backend/engine.ts";
import {
  integrityOf,
  openScratch,
  runProgram,
  scratchFile,
  scratchFolder,
} from "../../../test/support/sqlite-scratch.ts";
import { type ErrorCode, isMillraceError } from "../../core/errors.ts";
import { seededRandom } from "../../core/ports.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { loadMigrations } from "../sql/migration-files.ts";
import { openSqlite } from "./index.ts";
import { inspectSqlite } from "./inspection.ts";

const NEWEST = loadMigrations(new URL("./migrations/", import.meta.url)).length;

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));

test("many programs that start at once on a new file all find it ready", async () => {
  const path = scratchFile();
  const body = `
    const store = await sqlite.openSqlite({ path: parameters[0] });
    await store.publish([{ hash: "h" + parameters[1], name: "w", version: parameters[1], json: "{}" }], { replace: false });
    console.log((await store.read.definitions()).length > 0);
    await store.close();`;
  const ends = await Promise.all(Array.from({ length: 6 }, (_, at) => runProgram(body, path, String(at))));
  for (const end of ends) expect(end).toEqual({ code: 0, stdout: "true\n", stderr: "" });
  const store = await openScratch({ path });
  expect(await store.read.definitions()).toHaveLength(7);
});

test("a file of a newer release that does not say who can use it is refused with a hint, and stays as it is", async () => {
  const path = scratchFile();
  await (await openSqlite({ path })).close();
  change(path, "DROP TABLE schema_compatibility; PRAGMA user_version = 99");
  const before = readFileSync(path);
  await expect(openSqlite({ path })).rejects.toThrow(failsWith("BACKEND_TOO_NEW"));
  await expect(openSqlite({ path })).rejects.toThrow(/99/);
  expect(readFileSync(path)).toEqual(before);
});

test("a store that is open when a newer release takes its file over writes nothing more", async () => {
  const path = scratchFile();
  const store = await openScratch({ path });
  await store.startRuns([startOf("run-1")]);
  change(path, "DROP TABLE schema_compatibility; PRAGMA user_version = 99");
  await expect(store.startRuns([startOf("run-2")])).rejects.toThrow(failsWith("BACKEND_TOO_NEW"));
  await expect(store.read.run("run-1")).rejects.toThrow(failsWith("BACKEND_TOO_NEW"));
});

/** What a newer release does to a file that older code may go on using: it adds, and changes nothing that is there. */
const ADDITIONS = `ALTER TABLE run ADD COLUMN later TEXT; ALTER TABLE item ADD COLUMN later INTEGER NOT NULL DEFAULT 7;
  CREATE TABLE later (id INTEGER PRIMARY KEY, note TEXT) STRICT; CREATE INDEX run_by_later ON run (later)`;

function madeNewer(path: string, readableBy: number): void {
  change(path, `${ADDITIONS}; UPDATE schema_compatibility SET readable_by = ${readableBy}; PRAGMA user_version = 99`);
}

test("a file of a newer release that this one can use is used, and stays what it is", async () => {
  const path = scratchFile();
  const store = await openScratch({ path });
  await publishDefinition(store);
  await store.startRuns([startOf("run-1")]);
  await store.close();
  madeNewer(path, NEWEST);
  const again = await openScratch({ path });
  await again.startRuns([startOf("run-2")]);
  const worker = await ProtocolWorker.open(again, "s1");
  for (const item of await worker.claim()) await worker.finish(item, output("done"));
  expect((await again.read.runs({}, {})).entries.map(({ status }) => status)).toEqual(["completed", "completed"]);
  await again.close();
  expect(await inspectSqlite(path)).toMatchObject({ schemaVersion: 99, newestSchema: NEWEST, problems: [] });
});

test("a file of a newer release that needs newer code is refused, and stays as it is", async () => {
  const path = scratchFile();
  await (await openSqlite({ path })).close();
  madeNewer(path, NEWEST + 1);
  const before = readFileSync(path);
  await expect(openSqlite({ path })).rejects.toThrow(failsWith("BACKEND_TOO_NEW"));
  await expect(openSqlite({ path })).rejects.toThrow(`version 99, for code that knows version ${NEWEST + 1}`);
  expect(readFileSync(path)).toEqual(before);
});

test("a worker goes on while a newer release adds to its file, and stops when it removes what the worker needs", async () => {
  const path = scratchFile();
  const store = await openScratch({ path });
  await publishDefinition(store);
  await store.startRuns([startOf("run-1"), startOf("run-2")]);
  const worker = await ProtocolWorker.open(store, "s1");
  const [first, second] = await worker.claim();
  if (first === undefined || second === undefined) throw new Error("there are two items");
  madeNewer(path, NEWEST);
  expect(await worker.finish(first, output("done"))).toMatchObject({ kind: "committed", runStatus: "completed" });
  change(path, `UPDATE schema_compatibility SET readable_by = ${NEWEST + 1}; PRAGMA user_version = 100`);
  await expect(worker.finish(second, output("done"))).rejects.toThrow(failsWith("BACKEND_TOO_NEW"));
});

test("a file says which code can use it", async () => {
  const path = scratchFile();
  await (await openSqlite({ path })).close();
  const migrations = loadMigrations(new URL("./migrations/", import.meta.url));
  const readable = Math.max(...migrations.map(({ readableBy }) => readableBy));
  expect(new DatabaseSync(path).prepare("SELECT readable_by FROM schema_compatibility").all()).toEqual([
    { readable_by: readable },
  ]);
});

test("a file of an older schema is brought up to date, and what is in it stays", async () => {
  const path = scratchFile();
  const store = await openScratch({ path });
  await store.startRuns([startOf("run-1")]);
  await store.close();
  const added = ["checkpoint", "checkpoint_body", "progress", "entry", "entry_place"].map(
    (table) => `DROP TABLE ${table};`,
  );
  change(path, `${added.join(" ")} ALTER TABLE run DROP COLUMN links; PRAGMA user_version = 2`);
  const again = await openScratch({ path });
  expect((await again.read.run("run-1"))?.status).toBe("running");
  await again.close();
  expect(new DatabaseSync(path).prepare("PRAGMA user_version").get()).toEqual({ user_version: NEWEST });
});

test.each([
  ["tables of its own", "CREATE TABLE note (text TEXT)"],
  ["a mark of its own", "PRAGMA application_id = 42"],
])("a database of another application, with %s, is refused and stays as it is", async (_, sql) => {
  const path = scratchFile();
  change(path, sql);
  const before = readFileSync(path);
  await expect(openSqlite({ path })).rejects.toThrow(failsWith("INVALID_CONFIG"));
  expect(readFileSync(path)).toEqual(before);
});

test("an empty file is as good as none", async () => {
  const path = scratchFile();
  writeFileSync(path, "");
  const store = await openScratch({ path });
  expect(await store.startRuns([startOf("run-1")])).toMatchObject([{ kind: "started" }]);
});

test.each([
  ["text", "this is not a database, and it is long enough to have a header: ".repeat(20)],
  ["bytes", new Uint8Array(8192).fill(0xa5)],
])("a file of %s is refused as corrupt", async (_, content) => {
  const path = scratchFile();
  writeFileSync(path, content);
  await expect(openSqlite({ path })).rejects.toThrow(failsWith("BACKEND_CORRUPT"));
});

test("a file that was cut off is refused as corrupt, wherever it was cut", async () => {
  const whole = await filledFile();
  const size = statSync(whole).size;
  for (let at = 1; at < 16; at += 1) {
    const path = scratchFile();
    copyFileSync(whole, path);
    truncateSync(path, Math.floor((size * at) / 16));
    await expect(readEverything(path), `cut at ${at}/16`).rejects.toThrow(failsWith("BACKEND_CORRUPT"));
  }
});

test("flipped bytes are read as they are or told as corruption, never anything else", async () => {
  const whole = readFileSync(await filledFile());
  const random = seededRandom(7);
  const outcomes = new Map<string, number>();
  for (let round = 0; round < 60; round += 1) {
    const damaged = Buffer.from(whole);
    for (let flips = 0; flips < 24; flips += 1) {
      const at = Math.floor(random.next() * damaged.length);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
    }
    const path = join(scratchFolder(), "store.db");
    writeFileSync(path, damaged);
    const outcome = await readEverything(path).then(
      () => "read",
      (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
    );
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].filter((outcome) => outcome !== "read" && outcome !== "BACKEND_CORRUPT")).toEqual([]);
  expect(outcomes.get("BACKEND_CORRUPT")).toBeGreaterThan(0);
});

test("namespaces of one file are numbered once, also by programs that start together", async () => {
  const path = scratchFile();
  const stores = await Promise.all(["a", "b", "a", "c", "b"].map((namespace) => openSqlite({ path, namespace })));
  for (const store of stores) await store.close();
  expect(new DatabaseSync(path).prepare("SELECT name FROM namespace ORDER BY name").all()).toEqual([
    { name: "a" },
    { name: "b" },
    { name: "c" },
  ]);
  expect(integrityOf(path)).toBe("ok");
});

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

async function filledFile(): Promise<string> {
  const path = scratchFile();
  const store = await openScratch({ path });
  const starts = Array.from({ length: 40 }, (_, at) =>
    startOf(`run-${at}`, { first: newItem("first", { input: new Uint8Array(40 * at) }), tags: { at: String(at) } }),
  );
  await store.startRuns(starts);
  await store.close();
  expect(integrityOf(path)).toBe("ok");
  return path;
}

/** Opens a store and reads all of it. */
async function readEverything(path: string): Promise<void> {
  const store = await openSqlite({ path });
  try {
    await readAll(store);
  } finally {
    await store.close();
  }
}

async function readAll({ read }: BackendOperations): Promise<void> {
  await read.definitions();
  await read.sessions();
  await read.backlog();
  await read.failures({}, {});
  for (const run of (await read.runs({}, { limit: 1_000 })).entries) {
    await read.run(run.id);
    await read.itemPayload(run.id, 0);
    await read.deltas(run.id, {});
    await read.audit(run.id, {});
  }
  await read.items({}, { limit: 1_000 });
}
