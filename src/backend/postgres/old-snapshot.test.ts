import { expect, test } from "vitest";
import { postgresScene } from "../../../test/support/postgres-scene.ts";
import { lookStatement, NO_LOOK, readLook } from "./claim-look.ts";
import { lookBehind } from "./coming-due.ts";
import type { SqlValue } from "./driver.ts";
import { Floors } from "./floors.ts";
import { Statements } from "./statements.ts";

const FINISHED = 20_000;
const NOW = 1_000_000_000;
const LOOK = {
  ...NO_LOOK,
  selection: { queues: ["default"], definitions: ["d"], labels: [] },
  held: [],
  ready: 40,
  due: 10,
  runs: 10,
  sessions: 10,
};

/** One lane, many items that were ready one after the other and have ended since, and a few that are ready. */
const ITEMS = `INSERT INTO $.item (run, number, ns, lane, place, place_key, ready_at, created_at, priority, timeout_ms,
    place_in_emission, epoch, commit_number, status, kind, has_memos, node, path)
  SELECT 1, number, 1, 1, 1, $1::double precision + number, $1, $1, 0, 1000, 0, 0, 0, 0, 0, false, 'n', ''
  FROM generate_series($2::integer, $3::integer) AS number`;

test("what has ended costs a claim nothing, though somebody holds an old snapshot open", async () => {
  const scene = postgresScene();
  await scene.open();
  await scene.sql(
    "INSERT INTO $.lane (ns, band, queue, definition, labels, key) VALUES (1, 0, 'default', 'd', '{}', 'k')",
  );
  await scene.sql(ITEMS, [NOW - FINISHED, 1, FINISHED]);
  const old = await scene.client();
  await old.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await old.query(`SELECT count(*) FROM "${scene.schema}".item`);
  await scene.sql("UPDATE $.item SET place = 0, place_key = NULL, status = 5");
  await scene.sql(ITEMS, [NOW, FINISHED + 1, FINISHED + 5]);

  const statements = new Statements({ schema: scene.schema, prepared: false, timeoutMs: 30_000, relaxed: false });
  const client = await scene.client();
  const floors = new Floors();
  const buffersOf = async (): Promise<number> => {
    const { text, values } = lookStatement(statements, 1, LOOK, NOW + FINISHED, { floors, isGlance: true });
    await client.query(
      "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off",
    );
    const plan = await client.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, [...(values ?? [])]);
    await client.query("ROLLBACK");
    const [{ Plan: top }] = plan.rows[0]["QUERY PLAN"];
    return top["Shared Hit Blocks"] + top["Shared Read Blocks"];
  };
  const look = async (): Promise<void> => {
    const { text, values } = lookStatement(statements, 1, LOOK, NOW + FINISHED, { floors, isGlance: true });
    await client.query("BEGIN");
    const { rows } = await client.query<SqlValue[]>({ text, values: [...(values ?? [])], rowMode: "array" });
    await client.query("ROLLBACK");
    readLook(rows, LOOK, floors);
  };

  const first = await buffersOf();
  await look();
  const later = await buffersOf();
  // The test proves something only if there is something to pass over.
  expect(first).toBeGreaterThan(FINISHED / 100);
  expect(later).toBeLessThan(100);
  expect(later * 3).toBeLessThan(first);
  await old.query("COMMIT");
});

test("what came in below a floor is found by the look behind", async () => {
  const scene = postgresScene();
  await scene.open();
  await scene.sql(
    "INSERT INTO $.lane (ns, band, queue, definition, labels, key) VALUES (1, 0, 'default', 'd', '{}', 'k')",
  );
  const statements = new Statements({ schema: scene.schema, prepared: false, timeoutMs: 30_000, relaxed: false });
  const floors = new Floors();
  floors.saw("lane 1", NOW, undefined);
  floors.saw("due", NOW, undefined);
  const before = floors.of("lane 1");
  await scene.sql(ITEMS, [NOW - 5_000, 1, 1]);
  const client = await scene.client();
  for (const { statement, accept } of lookBehind(statements, 1, floors)) {
    const { rows } = await client.query<SqlValue[]>({
      text: statement.text,
      values: [...(statement.values ?? [])],
      rowMode: "array",
    });
    accept(rows);
  }
  expect([before, floors.of("lane 1"), floors.of("due")]).toEqual([NOW - 500, NOW - 4_999, NOW - 500]);
});
