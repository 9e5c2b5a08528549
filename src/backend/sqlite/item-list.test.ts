import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { startOf } from "../../../test/backend/engine.ts";
import { openScratch } from "../../../test/support/sqlite-scratch.ts";

test("A page of the items of one run sorts nothing: it costs what it shows, however long the run is", async () => {
  const database = new DatabaseSync(":memory:");
  const prepared: string[] = [];
  const prepare = database.prepare.bind(database);
  database.prepare = (sql: string) => {
    prepared.push(sql);
    return prepare(sql);
  };
  const store = await openScratch({ database });
  await store.startRuns([startOf("run-1")]);
  prepared.length = 0;
  for (const filter of [{}, { status: ["pending"] as const }, { node: "first" }]) {
    expect((await store.read.items({ runId: "run-1", ...filter }, {})).entries).toHaveLength(1);
  }
  const lists = prepared.filter((sql) => sql.includes("FROM item INDEXED BY item_by_number"));
  expect(lists).toHaveLength(3);
  for (const sql of lists) {
    const plan = prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail));
    expect(plan.join("; ")).not.toContain("USE TEMP B-TREE");
  }
});
