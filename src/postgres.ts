/**
 * The public API of `millrace/postgres`: a store on a PostgreSQL server, opened by options instead of a URL. Everything else
 * of a backend is the same on every store and lives in `millrace`.
 */

import "./node-version.ts";

export type {
  PgClient,
  PgListener,
  PgNotification,
  PgPool,
  PgQuery,
  PgResult,
  PostgresOptions,
} from "./backend/postgres/index.ts";
export { postgres } from "./postgres-store.ts";
