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
  const kept = { namespace: 1, lane: 1, shape: 1, session_name: 0, schema_compatibility: 1 };
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

test("items are listed by run, then number, page by page, however they are filtered", async () => {
  const { writer, reader } = await twoStores();
  const [sample] = fc.sample(workItem("run-1"), { numRuns: 1, seed: 5 });
  if (sample === undefined) throw new Error("there is no sample");
  const statuses = ["in_progress", "completed", "pending"] as const;
  for (const runId of ["run-3", "run-1", "run-2"]) {
    writer.insertRun({ ...RUN, id: runId }, DETAILS);
    for (let item = 0; item < 7; item += 1) {
      const status = statuses[item % 3] ?? "pending";
      const row = { ...sample, runId, item, status, node: `n${item % 2}`, session: `s${item % 2}`, commit: item };
      writer.insertItem(row, { input: undefined, failure: undefined }, { kind: "none" }, "d");
    }
  }
  const filters = [
    {},
    { runId: "run-2" },
    { status: ["in_progress"] },
    { status: ["in_progress", "pending"] },
    { status: [] },
    { session: "s1", status: ["in_progress"] },
    { node: "n0", changedAfter: 3 },
    { runId: "run-1", status: ["completed"] },
    { runId: "nobody" },
    { session: "nobody" },
  ] as const;
  for (const filter of filters) {
    const all = reader.items(filter, { limit: 1_000 }).entries.map(({ runId, item }) => `${runId}.${item}`);
    const { runId, status, session, node, changedAfter } = {
      runId: undefined,
      status: undefined,
      session: undefined,
      node: undefined,
      changedAfter: -1,
      ...filter,
    };
    const expected = ["run-1", "run-2", "run-3"].flatMap((run) =>
      Array.from({ length: 7 }, (_, item) => item)
        .filter(
          (item) =>
            (runId ?? run) === run && (status === undefined || status.some((one) => one === statuses[item % 3])),
        )
        .filter((item) => (session ?? `s${item % 2}`) === `s${item % 2}` && (node ?? `n${item % 2}`) === `n${item % 2}`)
        .filter((item) => item > changedAfter)
        .map((item) => `${run}.${item}`),
    );
    expect(all).toEqual(expected);
    const paged: string[] = [];
    let cursor: string | undefined;
    do {
      const page = reader.items(filter, { limit: 2, cursor });
      paged.push(...page.entries.map(({ runId: run, item }) => `${run}.${item}`));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(paged).toEqual(expected);
  }
});
