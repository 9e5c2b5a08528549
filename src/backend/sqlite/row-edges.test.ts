import fc from "fast-check";
import { expect, test } from "vitest";
import { DETAILS, RUN, twoStores, workItem } from "../../../test/support/sqlite-rows.ts";

test.each([0, -0, 1.5, -1e308, 2 ** 53 + 2, Number.NaN, Number.POSITIVE_INFINITY, 5e-324])(
  "a metric of %d comes back as it was",
  async (value) => {
    const { writer, reader } = await twoStores();
    writer.insertRun(RUN, DETAILS);
    writer.insertMetric({ runId: "run-1", item: 0, node: "n", name: "m", value, at: 1 });
    expect(reader.metrics("run-1", {}).entries[0]?.value).toBe(value);
  },
);

test("deltas are cut at about the size asked for, but never to nothing", async () => {
  const { writer, reader } = await twoStores();
  writer.insertRun(RUN, DETAILS);
  for (let sequence = 1; sequence <= 600; sequence += 1) {
    const item = sequence === 1 ? "run-1" : `run-1.${sequence}`;
    writer.insertDelta("run-1", { sequence, item, epoch: 1, at: sequence, delta: new Uint8Array(10) });
  }
  const tail = (after: number, upTo: number, maxBytes: number) =>
    reader.deltasAfter("run-1", after, upTo, maxBytes).map(({ sequence }) => sequence);
  expect(tail(0, 600, 1e6)).toEqual(Array.from({ length: 600 }, (_, at) => at + 1));
  expect(tail(5, 600, 25)).toEqual([6, 7]);
  expect(tail(5, 600, 1)).toEqual([6]);
  expect(tail(598, 599, 100)).toEqual([599]);
  expect(reader.deltasAfter("run-1", 0, 2, 100).map(({ item }) => item)).toEqual(["run-1", "run-1.2"]);
});

test("an idempotency key belongs to the run that took it last", async () => {
  const { writer, reader } = await twoStores();
  writer.insertRun(RUN, { ...DETAILS, idempotencyKey: "k" });
  writer.insertRun({ ...RUN, id: "run-2" }, { ...DETAILS, idempotencyKey: "k" });
  expect(reader.runIdByKey("w", "k")).toBe("run-2");
  expect(reader.runRecord("run-1")?.idempotencyKey).toBe("k");
  writer.removeRun("run-2");
  expect(reader.runIdByKey("w", "k")).toBeUndefined();
});

test("removing a run leaves no row of it in any table", async () => {
  const { db, writer: store } = await twoStores();
  const tables = db
    .query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", [])
    .map((row) => String(row[0]));
  const counts = () =>
    Object.fromEntries(tables.map((table) => [table, Number(db.query(`SELECT count(*) FROM ${table}`, [])[0]?.[0])]));
  const kept = { namespace: 1, lane: 1, shape: 1, session_name: 0 };
  store.insertRun(RUN, { ...DETAILS, tags: { a: "b" }, idempotencyKey: "k" });
  const [item] = fc.sample(workItem("run-1"), { numRuns: 1, seed: 3 });
  if (item !== undefined)
    store.insertItem(
      { ...item, session: undefined },
      { input: new Uint8Array(2_000), failure: new Uint8Array(1) },
      { kind: "none" },
      "d",
    );
  const number = item?.item ?? 0;
  store.putGroup({
    runId: "run-1",
    group: 0,
    fanOut: "f",
    parent: undefined,
    index: 0,
    path: "",
    depth: 1,
    open: 1,
    joins: [],
    arrived: {},
    done: false,
  });
  store.insertArrival({
    runId: "run-1",
    group: 0,
    join: "j",
    from: 0,
    node: "n",
    path: "",
    commit: 1,
    index: 0,
    value: new Uint8Array(1),
  });
  store.insertOutput("run-1", { from: 0, path: "", commit: 1, index: 0, value: new Uint8Array(1) });
  store.insertDelta("run-1", { sequence: 1, item: "run-1", epoch: 0, at: 1, delta: new Uint8Array(1) });
  store.putSnapshot("run-1", "s", 1, new Uint8Array(1));
  store.insertMemo("run-1", number, "m", new Uint8Array(1));
  store.insertFailure({
    runId: "run-1",
    item: 0,
    node: "n",
    attempt: 1,
    epoch: 1,
    failure: { code: "E", message: "m" },
    outcome: "failed",
    workerId: "w",
    at: 1,
  });
  store.insertMetric({ runId: "run-1", item: 0, node: "n", name: "m", value: 1, at: 1 });
  store.insertLog("run-1", 0, 1, { at: 1, level: "info", message: "m" });
  store.insertAudit({ runId: "run-1", at: 1, action: "pause", actor: undefined, detail: "{}", item: undefined });
  store.removeRun("run-1");
  expect(Object.entries(counts()).filter(([table, rows]) => rows > 0 && !(table in kept))).toEqual([]);
  expect(store.runState("run-1")).toBeUndefined();
});
