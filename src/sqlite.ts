/**
 * The public API of `millrace/sqlite`: the embedded store, opened by options instead of a URL. Everything else of a
 * backend is the same on every store and lives in `millrace`.
 */

import "./node-version.ts";

export type {
  BetterSqliteDatabase,
  BetterSqliteStatement,
  NodeSqliteDatabase,
  NodeSqliteStatement,
  SqliteHandle,
  SqliteOptions,
} from "./backend/sqlite/index.ts";
export { inspectSqlite, type SqliteInspection } from "./backend/sqlite/inspection.ts";
export { sqlite } from "./sqlite-store.ts";
