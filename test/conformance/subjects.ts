/**
 * The backends that the suite is run over, each with data of its own and a clock that is moved by hand: memory, and SQLite
 * in memory, on file, and through handles that somebody else opened.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MemoryWorld, memoryOperations } from "../../src/backend/memory/index.ts";
import { type BetterSqliteDatabase, openSqlite, type SqliteHandle } from "../../src/backend/sqlite/index.ts";
import { type ManualClock, manualClock } from "../../src/core/ports.ts";
import type { ConformanceHarness, NamespaceOption } from "../../src/testing/conformance/harness.ts";

/** The package brings no types of its own; this is what is used of it. */
type BetterSqlite = new (path: string) => BetterSqliteDatabase & { close(): void };
const require = createRequire(import.meta.url);
const BetterSqlite: BetterSqlite = require("better-sqlite3");

export const START = Date.UTC(2025, 0, 1);

type SubjectHarness = ConformanceHarness & { readonly clock: ManualClock };
export type Subject = (clock?: ManualClock) => Promise<SubjectHarness>;

export const memory: Subject = async (clock = manualClock(START)) => {
  const world = new MemoryWorld(clock);
  const open = async (options: NamespaceOption = {}) => memoryOperations({ world, ...options });
  return { clock, open, reopen: open, dispose: async () => undefined };
};

export const sqliteInMemory: Subject = async (clock = manualClock(START)) => ({
  clock,
  open: ({ namespace } = {}) => openSqlite({ path: ":memory:", namespace, clock }),
  dispose: async () => undefined,
});

export const sqliteOnFile: Subject = async (clock = manualClock(START)) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-conformance-"));
  const path = join(folder, "millrace.db");
  // Test files go away with their test, so they need not survive power loss.
  const open = ({ namespace }: NamespaceOption = {}) => openSqlite({ path, namespace, clock, durability: "process" });
  return { clock, open, reopen: open, dispose: async () => rmSync(folder, { recursive: true, force: true }) };
};

export const sqliteThroughNodeHandle: Subject = async (clock = manualClock(START)) => {
  const handle = new DatabaseSync(":memory:");
  return throughHandle(handle, clock, async () => handle.close());
};

export const sqliteThroughBetterSqlite: Subject = async (clock = manualClock(START)) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-conformance-"));
  const handle = new BetterSqlite(join(folder, "millrace.db"));
  return throughHandle(handle, clock, async () => {
    handle.close();
    rmSync(folder, { recursive: true, force: true });
  });
};

function throughHandle(database: SqliteHandle, clock: ManualClock, dispose: () => Promise<void>): SubjectHarness {
  const open = ({ namespace }: NamespaceOption = {}) =>
    openSqlite({ database, namespace, clock, durability: "process" });
  return { clock, open, reopen: open, dispose };
}
