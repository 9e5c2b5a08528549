/**
 * `millrace/sqlite`: the embedded store, opened by options instead of a URL. Everything else of a backend is the same on
 * every store and lives in `millrace`.
 */

import "./node-version.ts";
import { openSqlite, type SqliteOptions } from "./backend/sqlite/index.ts";
import { type Backend, defineBackend } from "./stores/backend.ts";

export type {
  BetterSqliteDatabase,
  BetterSqliteStatement,
  NodeSqliteDatabase,
  NodeSqliteStatement,
  SqliteHandle,
  SqliteOptions,
} from "./backend/sqlite/index.ts";

export { inspectSqlite, type SqliteInspection } from "./backend/sqlite/inspection.ts";

/**
 * Opens a store in one SQLite file, or in memory. Several processes of one machine may open the same file. Durable
 * against power loss unless `durability: "process"` is named; `capabilities.durability` says what it really is. Throws
 * `INVALID_CONFIG` for a place that cannot hold a store, `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`, `DURABILITY_TOO_WEAK`, or
 * `BACKEND_UNAVAILABLE` when the file cannot be opened or stays locked.
 */
export async function sqlite(options: SqliteOptions): Promise<Backend> {
  return defineBackend(await openSqlite(options));
}
