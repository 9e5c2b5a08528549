import { Pool } from "pg";
import { expect, onTestFinished, test } from "vitest";
import { postgresScene } from "../../../test/support/postgres-scene.ts";
import { sharedPostgresUrl } from "../../../test/support/servers/server-urls.ts";
import { definitionOf } from "../../testing/conformance/stage.ts";
import type { BackendOperations } from "../contract/operations.ts";

const ORDERS = definitionOf("orders");

async function works(backend: BackendOperations): Promise<void> {
  await Promise.all(
    ["a", "b", "c"].map((id) =>
      backend.checkpoints.save({ id, status: "running", body: new Uint8Array([1, 2, 3]), expectedVersion: 0 }),
    ),
  );
  await backend.publish([ORDERS], { replace: false });
  expect((await backend.checkpoints.load("b"))?.body).toEqual(new Uint8Array([1, 2, 3]));
}

test.each([true, false])("a pool of the caller's serves, and stays open (pipeline: %s)", async (pipeline) => {
  const scene = postgresScene();
  const pool = new Pool({ connectionString: sharedPostgresUrl(), max: 3, pipeline });
  onTestFinished(() => pool.end());
  const backend = await scene.open({ pool });
  expect([backend.capabilities.renewal, backend.renewalUrl]).toEqual(["main", undefined]);
  backend.subscribe(() => undefined);
  await works(backend);
  await backend.close();
  expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("one client of the caller's serves, one step after the other, and stays open", async () => {
  const scene = postgresScene();
  const client = await scene.client();
  const backend = await scene.open({ pool: client });
  await works(backend);
  await backend.close();
  expect((await client.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
});

test("without prepared statements everything is the same, and nothing is left on the connection", async () => {
  const scene = postgresScene();
  const pool = new Pool({ connectionString: sharedPostgresUrl(), max: 1, pipeline: true });
  onTestFinished(() => pool.end());
  const backend = await scene.open({ pool, preparedStatements: false, notifications: false });
  await works(backend);
  const left = await pool.query("SELECT name FROM pg_prepared_statements");
  const settings = await pool.query("SELECT current_setting('enable_seqscan') AS scan, current_setting('jit') AS jit");
  expect([left.rows, settings.rows]).toEqual([[], [{ scan: "on", jit: "on" }]]);
});

test("what is no pool and no client is refused", async () => {
  const scene = postgresScene();
  const pool = JSON.parse("{}");
  await expect(scene.open({ pool })).rejects.toMatchObject({ code: "INVALID_CONFIG" });
});

test("nobody who prints an open store sees its password", async () => {
  const scene = postgresScene();
  const backend = await scene.open({ password: "s3cret" });
  expect(backend.renewalUrl).toContain("s3cret");
  const { inspect } = await import("node:util");
  expect(inspect(backend, { depth: 8 }) + JSON.stringify(backend)).not.toContain("s3cret");
});

test.each([
  ["a server that is not there", { url: "postgres://postgres:s3cret@127.0.0.1:1/test" }, "BACKEND_UNAVAILABLE"],
  ["a database that is not there", { database: "no_such_database" }, "INVALID_CONFIG"],
  ["a server without TLS", { tls: true }, "INVALID_CONFIG"],
])("%s is told as such, with hints and without secrets", async (_what, options, code) => {
  const scene = postgresScene();
  const error: unknown = await scene.open({ connectTimeoutMs: 2_000, ...options }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code });
  expect(JSON.stringify(error) + String(error)).not.toContain("s3cret");
});
