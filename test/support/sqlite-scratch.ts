/**
 * SQLite files for tests: each in a folder of its own that goes away with its test, programs that open them beside the
 * test, and a look at whether a file is whole.
 */

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import type { BackendOperations } from "../../src/backend/contract/operations.ts";
import { type BetterSqliteDatabase, openSqlite, type SqliteOptions } from "../../src/backend/sqlite/index.ts";
import { DEFINITION } from "../backend/engine.ts";

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-sqlite-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function scratchFile(): string {
  return join(scratchFolder(), "store.db");
}

/** A store that is closed with its test, with the definition of the engine's tests published. */
export async function openScratch(options: SqliteOptions): Promise<BackendOperations> {
  const store = await openSqlite({ durability: "process", ...options });
  onTestFinished(() => store.close());
  await store.publish([{ hash: DEFINITION, name: "orders", version: "1.0.0", json: "{}" }], { replace: false });
  return store;
}

/** Problems that SQLite finds in a file that nobody has open; `ok` if there are none. */
export function integrityOf(path: string): string {
  const database = new DatabaseSync(path);
  try {
    return String(database.prepare("PRAGMA integrity_check").get()?.integrity_check);
  } finally {
    database.close();
  }
}

/** A handle of `better-sqlite3`, which comes without types. */
interface BetterHandle extends BetterSqliteDatabase {
  pragma(text: string, options: { readonly simple: boolean }): unknown;
  close(): unknown;
}

const BetterSqlite: new (path: string, options?: { readonly readonly?: boolean }) => BetterHandle = createRequire(
  import.meta.url,
)("better-sqlite3");

/** Opens a handle as a user would, to be closed by the test. */
export function openBetterSqlite(path: string, options: { readonly readonly?: boolean } = {}): BetterHandle {
  return new BetterSqlite(path, options);
}

export interface ProgramEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a module given as text in a process of its own; `sqlite` in it is the module of the SQLite backend. */
export function runProgram(body: string, ...parameters: readonly string[]): Promise<ProgramEnd> {
  const module = new URL("../../src/backend/sqlite/index.ts", import.meta.url).href;
  const text = `import * as sqlite from ${JSON.stringify(module)};\nconst parameters = process.argv.slice(1);\n${body}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", text, "--", ...parameters]);
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (data) => {
    output.stdout += String(data);
  });
  child.stderr.on("data", (data) => {
    output.stderr += String(data);
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
  });
}
