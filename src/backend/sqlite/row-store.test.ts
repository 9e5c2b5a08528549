import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import { seededRandom, systemClock } from "../../core/ports.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { BranchGroup, WorkItem } from "../contract/work-item.ts";
import type { RowStore, StoredSession } from "../synchronous/row-store.ts";
import { adoptHandle } from "./connection.ts";
import { Database } from "./database.ts";
import { Identities } from "./identities.ts";
import { RecentRows } from "./recent-rows.ts";
import { sqliteRowStore } from "./row-store.ts";
import { migrate, namespaceNumber } from "./schema.ts";

/** Two stores on one database that know nothing of each other's rows: what one writes, the other reads from the file. */
async function twoStores(): Promise<{
  readonly writer: RowStore;
  readonly reader: RowStore;
  readonly forget: () => void;
}> {
  const handle = new DatabaseSync(":memory:");
  const db = new Database(adoptHandle(handle).driver, ":memory:");
  const waiting = { clock: systemClock, random: seededRandom(1), totalMs: 1_000 };
  await migrate(db, waiting);
  const ns = await namespaceNumber(db, "default", waiting);
  const recent = new RecentRows();
  const ids = new Identities(db, ns);
  return {
    writer: sqliteRowStore({ db, ns, ids: new Identities(db, ns), recent: new RecentRows() }),
    reader: sqliteRowStore({ db, ns, ids, recent }),
    forget() {
      recent.forget();
      ids.forget();
    },
  };
}

const hostileText = fc.string({
  unit: fc.oneof(
    fc.constantFrom("\0", "\ud800", "\udfff", "\u0001", "'", '"', "%", "💧"),
    fc.string({ minLength: 1, maxLength: 1 }),
  ),
});
const bytes = fc.uint8Array({ maxLength: 1_200 });
const instant = fc.integer({ min: 0, max: 8_000_000_000_000_000 });
const count = fc.nat({ max: 1_000_000 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const failure = fc.record(
  {
    code: hostileText,
    message: hostileText,
    stack: hostileText,
    details: fc.constantFrom<unknown>(null, [1, "\0"], { a: "\ud800" }),
  },
  { requiredKeys: ["code", "message"] },
);

const runState: fc.Arbitrary<RunState> = fc.record({
  id: hostileText,
  definition: hostileText,
  status: fc.constantFrom("running", "waiting", "paused", "compensating", "completed", "failed", "cancelled"),
  generation: count,
  sequence: count,
  commits: count,
  items: count,
  open: count,
  parked: count,
  held: count,
  outputs: count,
  completed: count,
  failed: count,
  retried: count,
  conflicts: count,
  completion: fc.constantFrom("single", "first", "all"),
  maxItems: count,
  priority: fc.integer(),
  timeoutAt: optional(instant),
  createdAt: instant,
  statusAt: instant,
  finishedAt: optional(instant),
  fieldSequences: fc.array(count, { maxLength: 5 }),
  affinity: optional(hostileText),
});

const runDetails: fc.Arbitrary<RunDetails> = fc.record({
  workflow: hostileText,
  version: hostileText,
  input: bytes,
  output: optional(bytes),
  failure: optional(failure),
  tags: fc.dictionary(fc.oneof(hostileText, fc.constant("__proto__"), fc.constant("constructor")), hostileText, {
    maxKeys: 4,
    noNullPrototype: true,
  }),
  idempotencyKey: optional(hostileText),
  inputDigest: hostileText,
  parent: optional(fc.record({ runId: hostileText, item: count })),
});

const workItem = (runId: string): fc.Arbitrary<WorkItem> =>
  fc.record({
    runId: fc.constant(runId),
    item: count,
    node: hostileText,
    kind: fc.constantFrom("node", "join"),
    status: fc.constantFrom(
      "pending",
      "in_progress",
      "waiting_retry",
      "waiting",
      "held",
      "completed",
      "failed",
      "permanently_failed",
    ),
    from: optional(count),
    attempts: count,
    stalls: fc.nat({ max: 3 }),
    conflicts: count,
    epoch: count,
    session: optional(hostileText),
    claimedAt: optional(instant),
    readyAt: instant,
    priority: fc.integer(),
    queue: hostileText,
    labels: fc.array(hostileText, { maxLength: 3 }),
    keys: fc.array(hostileText, { maxLength: 3 }),
    group: optional(count),
    joins: optional(count),
    index: count,
    path: fc.constantFrom("", "0000", "000a0001"),
    createdAt: instant,
    endedAt: optional(instant),
    commit: count,
    timeoutMs: instant,
    timeoutAt: optional(instant),
    deadlineMs: optional(instant),
    deadlineAt: optional(instant),
    reason: fc.constantFrom("ready", "stalled", "timeout", "deadline"),
    revision: count,
    commitDigest: optional(hostileText),
    waitedMs: optional(fc.double({ min: 0, max: 1e12, noNaN: true })),
    ranMs: optional(count),
    failure: optional(failure),
  });

const RUN: RunState = {
  id: "run-1",
  definition: "d",
  status: "running",
  generation: 0,
  sequence: 0,
  commits: 0,
  items: 1,
  open: 1,
  parked: 0,
  held: 0,
  outputs: 0,
  completed: 0,
  failed: 0,
  retried: 0,
  conflicts: 0,
  completion: "single",
  maxItems: 10,
  priority: 0,
  timeoutAt: undefined,
  createdAt: 1,
  statusAt: 1,
  finishedAt: undefined,
  fieldSequences: [],
  affinity: undefined,
};
const DETAILS: RunDetails = {
  workflow: "w",
  version: "1",
  input: new Uint8Array(),
  output: undefined,
  failure: undefined,
  tags: {},
  idempotencyKey: undefined,
  inputDigest: "",
  parent: undefined,
};

test("a run comes back from the file as it was, however hostile", async () => {
  await fc.assert(
    fc.asyncProperty(runState, runDetails, runState, async (state, details, later) => {
      const { writer, reader, forget } = await twoStores();
      writer.insertRun(state, details);
      expect(reader.runRecord(state.id)).toEqual({ ...state, ...details });
      const { id, definition, completion, priority, createdAt } = state;
      const changed = { ...later, id, definition, completion, priority, createdAt };
      writer.putRun(changed);
      forget();
      expect(reader.runState(id)).toEqual(changed);
      if (details.idempotencyKey !== undefined)
        expect(reader.runIdByKey(details.workflow, details.idempotencyKey)).toBe(id);
      expect(reader.runs({ tags: details.tags, workflow: details.workflow, search: id }, {}).entries).toHaveLength(1);
    }),
    { numRuns: 60 },
  );
});

test("an item and its payload come back from the file as they were, however hostile", async () => {
  const payload = fc.record({ input: optional(bytes), failure: optional(bytes) });
  await fc.assert(
    fc.asyncProperty(workItem("run-1"), workItem("run-1"), payload, async (item, later, content) => {
      const { writer, reader, forget } = await twoStores();
      writer.insertRun(RUN, DETAILS);
      writer.insertItem(item, content, { kind: "none" }, "d");
      expect(reader.item("run-1", item.item)).toEqual(item);
      expect(reader.payload("run-1", item.item)).toEqual(content);
      const {
        node,
        kind,
        from,
        priority,
        queue,
        labels,
        keys,
        group,
        joins,
        index,
        path,
        createdAt,
        timeoutMs,
        deadlineMs,
      } = item;
      const staying = {
        node,
        kind,
        from,
        priority,
        queue,
        labels,
        keys,
        group,
        joins,
        index,
        path,
        createdAt,
        timeoutMs,
        deadlineMs,
      };
      const changed = { ...later, item: item.item, ...staying };
      writer.putItem(changed, { kind: "aside" });
      forget();
      expect(reader.item("run-1", item.item)).toEqual(changed);
      expect(reader.aside("run-1")).toEqual([changed]);
      expect(writer.item("run-1", item.item)).toEqual(changed);
    }),
    { numRuns: 100 },
  );
});

test("sessions, groups, history and contexts come back from the file as they were", async () => {
  await fc.assert(
    fc.asyncProperty(hostileText, hostileText, bytes, failure, async (a, b, value, why) => {
      const { writer, reader } = await twoStores();
      writer.insertRun(RUN, DETAILS);
      const group: BranchGroup = {
        runId: "run-1",
        group: 0,
        fanOut: a,
        parent: undefined,
        index: 1,
        path: "",
        depth: 1,
        open: 2,
        joins: [{ node: b, queue: a, labels: [b], keys: [a], priority: 1.5, timeoutMs: 5, deadlineMs: 9 }],
        arrived: { [b]: 2 },
        done: false,
      };
      writer.putGroup(group);
      expect(reader.group("run-1", 0)).toEqual(group);
      writer.putGroup({ ...group, open: 0, done: true });
      expect(reader.group("run-1", 0)).toEqual({ ...group, open: 0, done: true });
      const arrival = { runId: "run-1", group: 0, join: b, from: 3, node: a, path: "0001", commit: 2, index: 1, value };
      writer.insertArrival(arrival);
      expect(reader.arrivals("run-1", 0, b, {}).entries).toEqual([arrival]);
      const entry = {
        runId: "run-1",
        item: 1,
        node: a,
        attempt: 1,
        epoch: 1,
        failure: why,
        outcome: "retried",
        workerId: b,
        at: 5,
      } as const;
      writer.insertFailure(entry);
      expect(reader.failures({}, {}).entries).toEqual([entry]);
      const line = { at: 1, level: "warn", message: a, data: JSON.stringify(b) } as const;
      writer.insertLog("run-1", 1, 1, line);
      expect(reader.logs({ runId: "run-1" }, {}).entries).toEqual([{ runId: "run-1", item: 1, attempt: 1, ...line }]);
      const audit = { runId: a, at: 1, action: "cancel", actor: b, detail: "{}", item: undefined } as const;
      writer.insertAudit(audit);
      expect(reader.audit(a, {}).entries).toEqual([audit]);
      const definition = { hash: a, name: b, version: a, json: JSON.stringify(b), publishedAt: 4 };
      writer.putDefinition(definition);
      expect([reader.definition(a), reader.definitionHash(b, a)]).toEqual([definition, a]);
      const session: StoredSession = {
        id: a,
        workerId: b,
        leaseMs: 1,
        queues: [a],
        labels: [b],
        definitions: [a],
        host: b,
        pid: 1,
        startedAt: 1,
        heartbeatAt: 2,
        until: 3,
        stoppedAt: undefined,
        swept: false,
        health: { status: "retrying", attempt: 1, maxAttempts: 2, items: [a], completed: 1, errors: 2 },
        lastRequest: 4,
        lastDigest: b,
        lastAnswer: a,
      };
      writer.putSession(session);
      expect([reader.session(a), ...reader.sessions()]).toEqual([session, session]);
      writer.insertMemo("run-1", 0, a, value);
      writer.putSnapshot("run-1", a, 3, value);
      expect(reader.snapshot("run-1", a, 3)).toEqual({ sequence: 3, bytes: value });
    }),
    { numRuns: 60 },
  );
});

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
  const handle = new DatabaseSync(":memory:");
  const db = new Database(adoptHandle(handle).driver, ":memory:");
  const waiting = { clock: systemClock, random: seededRandom(1), totalMs: 1_000 };
  await migrate(db, waiting);
  const ns = await namespaceNumber(db, "default", waiting);
  const tables = handle
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all();
  const counts = () =>
    Object.fromEntries(
      tables.map((table) => [
        String(table.name),
        Number(db.query(`SELECT count(*) FROM ${String(table.name)}`, [])[0]?.[0]),
      ]),
    );
  const store = sqliteRowStore({ db, ns, ids: new Identities(db, ns), recent: new RecentRows() });
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
