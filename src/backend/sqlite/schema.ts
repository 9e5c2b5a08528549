/**
 * The schema of a file: whose it is, how new it is, and bringing it up to date. Safe with any number of programs that
 * start at once: each looks again once it holds the write lock. Refuses files of other applications, of newer releases
 * that this one cannot work with, and damaged ones; changes nothing of those.
 */

import { MillraceError } from "../../core/errors.ts";
import {
  loadMigrations,
  type Migration,
  pendingMigrations,
  type SchemaState,
  schemaAfter,
} from "../sql/migration-files.ts";
import type { Database } from "./database.ts";
import { type LockWaiting, waitForLock } from "./lock-waiting.ts";

/** "MLRC": tells our files from those of others (`PRAGMA application_id`). */
const APPLICATION_ID = 0x4d4c5243;

const MIGRATIONS = new URL("./migrations/", import.meta.url);

/** Throws `BACKEND_CORRUPT`, `BACKEND_TOO_NEW` or `INVALID_CONFIG` when the file cannot be ours. Reads only. */
export function checkOwner(db: Database): void {
  // Another program may set the file up between two of these reads. Its mark comes in one transaction with its tables, so
  // the mark is read last: where it is missing then, what was read before it was as old.
  const version = versionOf(db);
  const tables = Number(db.statement("SELECT count(*) FROM sqlite_schema").get()?.[0] ?? 0);
  const owner = Number(db.pragma("application_id") ?? 0);
  if (owner === APPLICATION_ID) {
    pending(db);
    return;
  }
  if (owner === 0 && tables === 0 && version === 0) return;
  throw new MillraceError("INVALID_CONFIG", `${db.location} is a database of another application`, {
    hints: ["Name a file that does not exist yet, or one that millrace has made."],
  });
}

/** How new a file's schema is, and how new this release can make it. */
export function schemaOf(db: Database): { readonly version: number; readonly newest: number } {
  return { version: versionOf(db), newest: migrations().length };
}

/** Throws `BACKEND_TOO_NEW` once a newer release has brought the file up to a schema that we cannot work with. */
export function checkSchema(db: Database): void {
  const version = Number(db.statement("PRAGMA user_version").get()?.[0] ?? 0);
  if (version > migrations().length) pending(db);
}

/** Applies what is missing, in one transaction. */
export async function migrate(db: Database, waiting: LockWaiting): Promise<void> {
  if (isCurrent(db)) return;
  await waitForLock(() => db.exec("BEGIN IMMEDIATE"), waiting);
  try {
    checkOwner(db);
    for (const migration of pending(db)) apply(db, migration);
    db.exec("COMMIT");
  } catch (error) {
    db.rollback();
    throw error;
  }
}

/** The number of a namespace, made if it is new. */
export async function namespaceNumber(db: Database, name: string, waiting: LockWaiting): Promise<number> {
  const find = db.statement("SELECT id FROM namespace WHERE name = ?");
  const known = await waitForLock(() => find.get(name), waiting);
  if (known !== undefined) return Number(known[0]);
  const insert = db.statement("INSERT INTO namespace (name) VALUES (?) ON CONFLICT DO NOTHING");
  await waitForLock(() => insert.run(name), waiting);
  return Number(find.get(name)?.[0]);
}

function apply(db: Database, migration: Migration): void {
  const { version, readableBy } = schemaAfter(stateOf(db), migration);
  db.exec(migration.sql);
  db.exec(`CREATE TABLE IF NOT EXISTS schema_compatibility (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), readable_by INTEGER NOT NULL) STRICT`);
  db.exec(`INSERT INTO schema_compatibility VALUES (1, ${readableBy})
    ON CONFLICT DO UPDATE SET readable_by = excluded.readable_by`);
  db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${version}`);
}

function isCurrent(db: Database): boolean {
  return versionOf(db) >= migrations().length && Number(db.pragma("application_id") ?? 0) === APPLICATION_ID;
}

function pending(db: Database): readonly Migration[] {
  const { version, readableBy } = stateOf(db);
  return pendingMigrations(migrations(), version, db.location, readableBy);
}

/** The table is the first thing that later releases leave as it is; a file from before it is for code of its own version. */
function stateOf(db: Database): SchemaState {
  const version = versionOf(db);
  const kept = db.query("SELECT 1 FROM sqlite_schema WHERE name = 'schema_compatibility'", []).length > 0;
  const row = kept ? db.query("SELECT readable_by FROM schema_compatibility", [])[0] : undefined;
  return { version, readableBy: row === undefined ? version : Number(row[0]) };
}

function versionOf(db: Database): number {
  return Number(db.pragma("user_version") ?? 0);
}

let loaded: readonly Migration[] | undefined;

function migrations(): readonly Migration[] {
  loaded ??= loadMigrations(MIGRATIONS);
  return loaded;
}
