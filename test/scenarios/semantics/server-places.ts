/**
 * Stores on servers for scenarios that move the clock by hand: a schema of its own on the PostgreSQL that tests share, and a
 * Redis, each for a whole test file, since making one takes longer than a scenario; what a scenario leaves there, the next one
 * cannot see. They are opened through connections of the test's own: leases are then renewed on the clock of the test, and
 * by no thread beside it.
 */

import { Pool } from "pg";
import { createClient } from "redis";
import { afterAll, onTestFinished } from "vitest";
import { systemIds } from "../../../src/core/ports.ts";
import type { Backend, ManualClock } from "../../../src/index.ts";
import { postgres } from "../../../src/postgres.ts";
import { redis } from "../../../src/redis.ts";
import { privateRedis } from "../../support/servers/private-redis.ts";
import { sharedPostgresUrl } from "../../support/servers/server-urls.ts";

/** Opens the store of one scenario, again and again. */
type Opening = (clock: ManualClock, namespace?: string) => Promise<Backend>;

const CONNECTIONS = 4;

/** To be called while a test file is read. */
export function onPostgres(): () => Promise<Opening> {
  const schema = `place_${systemIds.token()}`;
  let pool: Pool | undefined;
  let scenarios = 0;
  afterAll(async () => {
    await pool?.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
    await pool?.end();
  });
  return async () => {
    pool ??= new Pool({ connectionString: sharedPostgresUrl(), max: CONNECTIONS, pipeline: true });
    const connections = pool;
    scenarios += 1;
    const past = `past ${scenarios}, `;
    onTestFinished(async () => {
      await connections.query(`UPDATE "${schema}".namespace SET name = $1 || name WHERE name NOT LIKE 'past %'`, [
        past,
      ]);
    });
    return async (clock, namespace) =>
      await postgres({ pool: connections, schema, namespace, clock, durability: "process" });
  };
}

/** The same. */
export function onRedis(): () => Promise<Opening> {
  let started: ReturnType<typeof startRedis> | undefined;
  let scenarios = 0;
  afterAll(async () => {
    await (await started)?.end();
  });
  return async () => {
    started ??= startRedis();
    const { client } = await started;
    scenarios += 1;
    const prefix = `place-${scenarios}`;
    return async (clock, namespace) => await redis({ client, prefix, namespace, clock, durability: "none" });
  };
}

async function startRedis() {
  const server = await privateRedis({ appendonly: "no" });
  const client = createClient({ url: server.url });
  client.on("error", () => undefined);
  await client.connect();
  return {
    client,
    async end() {
      client.destroy();
      await server.end();
    },
  };
}
