/**
 * Opening a store on PostgreSQL by options instead of a URL: what `connect` cannot say in one, such as a pool that the
 * program has already. Everything else of a backend is the same on every store.
 */

import type { PostgresOptions } from "./backend/postgres/index.ts";
import { type Backend, defineBackend } from "./stores/backend.ts";

/**
 * Opens a store in one schema of a PostgreSQL database, 15 or later, and brings its tables up to date. Any number of machines may
 * open the same one. What an acknowledged write survives is read from the server; `capabilities.durability` says what it
 * is. Throws `INVALID_CONFIG` for what cannot be such a server or schema, `MISSING_DEPENDENCY` without the package `pg`,
 * `DURABILITY_TOO_WEAK`, `BACKEND_TOO_NEW`, or `BACKEND_UNAVAILABLE` when the server cannot be reached or takes no writes.
 */
export async function postgres(options: PostgresOptions = {}): Promise<Backend> {
  const { openPostgres } = await import("./backend/postgres/index.ts");
  return defineBackend(await openPostgres(options));
}
