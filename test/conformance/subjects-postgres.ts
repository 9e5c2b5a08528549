/**
 * PostgreSQL as a subject of the suite: one schema for a whole test file, since making a schema takes longer than a case.
 * After each case its namespaces get other names, so that the next one finds none.
 */

import { Client } from "pg";
import { afterAll } from "vitest";
import { openPostgres, type PostgresOptions } from "../../src/backend/postgres/index.ts";
import { manualClock, systemIds } from "../../src/core/ports.ts";
import type { NamespaceOption } from "../../src/testing/conformance/harness.ts";
import { sharedPostgresUrl } from "../support/servers/server-urls.ts";
import { START, type Subject } from "./subjects.ts";

/** To be called while a test file is read: the schema is removed after its last test. */
export function postgresSubject(options: PostgresOptions = {}): Subject {
  const schema = `conformance_${systemIds.token()}`;
  afterAll(() => dropSchema(schema));
  let cases = 0;
  return async (clock = manualClock(START)) => {
    const open = ({ namespace }: NamespaceOption = {}) =>
      openPostgres({
        url: sharedPostgresUrl(),
        schema,
        namespace,
        poolSize: 4,
        clock,
        // Test data goes away with its test, so it need not survive power loss.
        durability: "process",
        ...options,
      });
    const dispose = async (): Promise<void> => {
      cases += 1;
      await ask(`UPDATE "${schema}".namespace SET name = 'case ${cases}, ' || name WHERE name NOT LIKE 'case %'`);
    };
    return { clock, open, reopen: open, dispose };
  };
}

async function dropSchema(schema: string): Promise<void> {
  await ask(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
}

async function ask(text: string): Promise<void> {
  const client = new Client({ connectionString: sharedPostgresUrl() });
  await client.connect();
  await client.query(text);
  await client.end();
}
