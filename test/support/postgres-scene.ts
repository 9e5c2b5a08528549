/** PostgreSQL for the tests beside its code: a schema of the test's own on the shared server, and rows in it. */

import { Client } from "pg";
import { onTestFinished } from "vitest";
import type { BackendOperations } from "../../src/backend/contract/operations.ts";
import { openPool } from "../../src/backend/postgres/connection.ts";
import type { Pool, Session } from "../../src/backend/postgres/driver.ts";
import { openPostgres, type PostgresOptions } from "../../src/backend/postgres/index.ts";
import { targetOf } from "../../src/backend/postgres/target.ts";
import { type ManualClock, manualClock, systemIds } from "../../src/core/ports.ts";
import { sharedPostgresUrl } from "./servers/server-urls.ts";

const START = Date.UTC(2025, 0, 1);

export interface PostgresScene {
  readonly schema: string;
  readonly clock: ManualClock;
  /** A further handle, closed after the test. */
  open(options?: PostgresOptions): Promise<BackendOperations>;
  /** A pool without tables, closed after the test. */
  pool(options?: PostgresOptions): Promise<Pool>;
  /** Rows of a statement on a connection of its own; `$` in it stands for the schema and a dot. */
  sql(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** A client of the driver, closed after the test. */
  client(): Promise<Client>;
}

/** A schema that is removed after the test. */
export function postgresScene(): PostgresScene {
  const schema = `test_${systemIds.token()}`;
  const clock = manualClock(START);
  const url = sharedPostgresUrl();
  const closing: (() => Promise<unknown>)[] = [];

  async function client(): Promise<Client> {
    const made = new Client({ connectionString: url });
    made.on("error", () => undefined);
    await made.connect();
    closing.push(() => made.end());
    return made;
  }

  onTestFinished(async () => {
    for (const close of closing.reverse()) await close();
    const last = new Client({ connectionString: url });
    await last.connect();
    await last.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    await last.end();
  });

  return {
    schema,
    clock,
    client,
    async open(options = {}) {
      const backend = await openPostgres({ url, schema, clock, durability: "process", ...options });
      closing.push(() => backend.close());
      return backend;
    },
    async pool(options = {}) {
      const pool = await openPool(targetOf({ url, schema, ...options }), () => undefined);
      closing.push(() => pool.close());
      return pool;
    },
    async sql(text, values = []) {
      const own = new Client({ connectionString: url });
      await own.connect();
      try {
        const { rows } = await own.query(text.replaceAll("$.", `"${schema}".`), [...values]);
        return rows;
      } finally {
        await own.end();
      }
    },
  };
}

/** A session of a pool, given back after the test. */
export async function heldSession(pool: Pool): Promise<Session> {
  const session = await pool.connect();
  onTestFinished(() => session.destroy());
  return session;
}
