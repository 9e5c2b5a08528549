/**
 * Opening the embedded store by options instead of a URL: what `connect` cannot say in one, such as a handle that the
 * program has already. Everything else of a backend is the same on every store.
 */

import type { SqliteOptions } from "./backend/sqlite/index.ts";
import { type Backend, defineBackend } from "./stores/backend.ts";

/**
 * Opens a store in one SQLite file, or in memory. Several processes of one machine may open the same file. Durable
 * against power loss unless `durability: "process"` is named; `capabilities.durability` says what it really is. Throws
 * `INVALID_CONFIG` for a place that cannot hold a store, `BACKEND_CORRUPT`, `BACKEND_TOO_NEW`, `DURABILITY_TOO_WEAK`, or
 * `BACKEND_UNAVAILABLE` when the file cannot be opened or stays locked.
 */
export async function sqlite(options: SqliteOptions): Promise<Backend> {
  const { openSqlite } = await import("./backend/sqlite/index.ts");
  return defineBackend(await openSqlite(options));
}
