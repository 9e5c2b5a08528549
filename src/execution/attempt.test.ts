import { expect, test, vi } from "vitest";
import { z } from "zod";
import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { engineFailure, isMillraceError, MillraceError } from "../core/errors.ts";
import { silentLogger } from "../core/ports.ts";
import { NO_RETRY } from "../core/retry.ts";
import { decodeValue, encodeValue } from "../core/values.ts";
import { context, field } from "../definition/context/field.ts";
import { initialState } from "../definition/context/state.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { abort, next, nextAll } from "../definition/transition.ts";
import { variant } from "../definition/variant.ts";
import { dynamicWorkflow, workflow } from "../definition/workflow.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { Attempt, type AttemptHost } from "./attempt.ts";
import { commitOf } from "./commit.ts";
import { createEmptyProgram, createProgram } from "./program.ts";

const host: AttemptHost = {
  random: { next: () => 0.5 },
  logger: silentLogger,
  now: () => 1_000,
  signal: () => new AbortController().signal,
  sleep: async () => undefined,
  heartbeat: () => undefined,
  readArrivals: async () => ({ entries: [] }),
  readChild: async () => ({ kind: "absent" }),
  putMemo: async () => true,
};

function claimed(of: Workflow, name: string, input: unknown, changes: Partial<WorkItem> = {}): ClaimedItem {
  const item: WorkItem = {
    ...{
      runId: "run",
      item: 3,
      node: name,
      kind: "node",
      status: "in_progress",
      from: undefined,
      attempts: 0,
      stalls: 0,
    },
    ...{
      conflicts: 0,
      epoch: 2,
      session: "s",
      claimedAt: 0,
      readyAt: 0,
      priority: 0,
      queue: "default",
      labels: [],
      keys: [],
    },
    ...{ group: undefined, joins: undefined, index: 0, path: "", createdAt: 0, endedAt: undefined, commit: 0 },
    ...{ timeoutMs: 1, timeoutAt: 1, deadlineMs: undefined, deadlineAt: undefined, reason: "ready", revision: 0 },
    ...{ commitDigest: undefined, waitedMs: undefined, ranMs: undefined, failure: undefined },
    ...changes,
  };
  const { hash, name: flow, version } = of;
  const run = {
    id: "run",
    definition: hash,
    generation: 1,
    sequence: 0,
    priority: 10,
    createdAt: 0,
    workflow: flow,
    version,
  };
  return {
    item,
    run,
    reason: "ready",
    memos: new Map(),
    input: encodeValue(input, { what: "input" }),
    failure: undefined,
  };
}

function attemptOf(of: Workflow, item: ClaimedItem, own: Partial<AttemptHost> = {}): Attempt {
  const program = createProgram(of.hash, of.definition, of["~runtime"], NO_RETRY);
  return new Attempt(item, program, { ...host, ...own });
}

const nowhere = (of: Workflow) => ({ state: initialState(of["~runtime"].context), sequence: 0 });

async function executed(of: Workflow, name: string, input: unknown, changes: Partial<WorkItem> = {}) {
  return await attemptOf(of, claimed(of, name, input, changes)).execute(nowhere(of));
}

const any = (of: Partial<Parameters<typeof node>[0]> = {}) =>
  node({ input: unchecked<unknown>(), run: ({ input }) => next(input), ...of } as Parameters<typeof node>[0]);

test("an emission numbers its successors value by value, and takes their settings from the definition", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "fan",
    version: "1",
    completion: "all",
    nodes: {
      spread: any({ run: () => nextAll([1, 2], { delay: "3s" }) }),
      left: any({ queue: "slow", labels: ["b", "a"], priority: 2, timeout: "5s", deadline: "1h" }),
      right: any(),
    },
    start: "spread",
    edges: { spread: ["left", "right"], left: [], right: [] },
  });
  const { outcome } = await executed(flow, "spread", null);
  if (outcome.kind !== "emit") throw new Error(outcome.kind);
  expect(outcome.width).toBe(4);
  expect(outcome.opens).toBeUndefined();
  expect(
    outcome.items.map(({ node: name, index, priority, input }) => [name, index, priority, input && decodeValue(input)]),
  ).toEqual([
    ["left", 0, 12, 1],
    ["right", 1, 10, 1],
    ["left", 2, 12, 2],
    ["right", 3, 10, 2],
  ]);
  expect(outcome.items[0]).toMatchObject({
    queue: "slow",
    labels: ["a", "b"],
    timeoutMs: 5_000,
    deadlineMs: 3_600_000,
    delayMs: 3_000,
  });
});

test("values whose ways differ in length leave gaps, so that branch order holds", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "ways",
    version: "1",
    completion: "all",
    nodes: {
      spread: any({ run: () => nextAll([variant("one", 1), variant("end", 2), variant("two", 3)]) }),
      a: any(),
      b: any(),
    },
    start: "spread",
    edges: { spread: { route: { one: "a", two: ["a", "b"], end: [] } }, a: [], b: [] },
  });
  const { outcome } = await executed(flow, "spread", null);
  expect(outcome).toMatchObject({
    items: [
      { node: "a", index: 0 },
      { node: "a", index: 4 },
      { node: "b", index: 5 },
    ],
    outputs: [{ index: 2 }],
    width: 6,
  });
});

test("the priority given with an emission takes the place of the node's and the run's", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "priority",
    version: "1",
    nodes: { start: any({ run: () => next(1, { priority: 3 }) }), end: any({ priority: 7 }) },
    start: "start",
    edges: { start: "end", end: [] },
  });
  expect((await executed(flow, "start", null)).outcome).toMatchObject({ items: [{ priority: 3 }] });
});

test("a failure without a way out fails the run; one of a node that the code lacks does so too", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "fails",
    version: "1",
    nodes: { bad: any({ run: () => Promise.reject(new Error("no")) }) },
    start: "bad",
    edges: { bad: [] },
  });
  expect((await executed(flow, "bad", 1)).outcome).toMatchObject({
    kind: "fail",
    failure: { code: "ERROR", message: "no" },
  });
  const unknown = new Attempt(claimed(flow, "bad", 1), createEmptyProgram("x"), host);
  expect((await unknown.execute(nowhere(flow))).outcome).toMatchObject({
    kind: "fail",
    failure: { code: "INVALID_WORKFLOW" },
  });
});

test("a failure takes its edge with details as deep as a value may be", async () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : { in: nested(depth - 1) });
  const deep = workflow({
    name: "deep",
    version: "1",
    nodes: {
      fail: node({ input: unchecked<null>(), run: () => abort("deep", { details: nested(64) }) }),
      mend: node({ input: unchecked<null>(), run: () => next(1) }),
    },
    start: "fail",
    edges: { fail: { to: [], onFailure: "mend" }, mend: [] },
  });
  const { outcome } = await executed(deep, "fail", null);
  if (outcome.kind !== "failOver") throw new Error(`it was ${outcome.kind}`);
  const [handed] = outcome.items.map(({ failure }) => failure && decodeValue(failure));
  expect(handed).toMatchObject({ code: "ABORTED", node: "fail", details: nested(64) });
});

test("a Proxy among what a node emits is refused by its place, whatever its traps do", async () => {
  const explode = (): never => {
    throw new RangeError("boom");
  };
  const trap = new Proxy({}, { get: explode, has: explode, ownKeys: explode, getOwnPropertyDescriptor: explode });
  const emitting = workflow({
    name: "emitting",
    version: "1",
    completion: "all",
    nodes: { emit: node({ input: unchecked<null>(), run: () => nextAll([1, trap as never]) }) },
    start: "emit",
    edges: { emit: [] },
  });
  const { outcome } = await executed(emitting, "emit", null);
  const message = 'value 1 that node "emit" emits: $ is a Proxy; copy it to a plain object first';
  expect(outcome).toMatchObject({ kind: "fail", failure: { code: "INVALID_OUTPUT", message } });
});

test("an idempotency key is the item's id, and another one after an edit", async () => {
  const seen: string[] = [];
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "keys",
    version: "1",
    nodes: {
      only: any({
        run: ({ idempotencyKey, itemId, attempt }) => {
          seen.push(`${idempotencyKey} ${itemId} ${attempt}`);
          return next(1);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  await executed(flow, "only", 1);
  await executed(flow, "only", 1, { attempts: 4, revision: 2 });
  expect(seen).toEqual(["run.3 run.3 1", "run.3.r2 run.3 5"]);
});

test("what a body does after it has returned has no effect, and is told so", async () => {
  const Shared = context({ count: field.counter() });
  const problems: unknown[] = [];
  let later: Promise<void> | undefined;
  const hasty = node({
    context: Shared,
    input: z.number(),
    run({ input, context, step, metric }) {
      later = (async () => {
        await new Promise((resolve) => setImmediate(resolve));
        const acts = [() => context.count.add(1), () => metric("m", 1), () => step("s", () => 1)];
        for (const act of acts) {
          try {
            await act();
          } catch (error) {
            problems.push(isMillraceError(error) && error.code);
          }
        }
      })();
      return next(input);
    },
  });
  const flow = workflow({
    name: "hasty",
    version: "1",
    context: Shared,
    nodes: { hasty },
    start: "hasty",
    edges: { hasty: [] },
  });
  const execution = await executed(flow, "hasty", 1);
  await later;
  expect(problems).toEqual(["CLOSED", "CLOSED", "CLOSED"]);
  expect(execution).toMatchObject({ delta: undefined, metrics: [] });
});

test("a context change that is too large fails the attempt, and its changes are dropped", async () => {
  const Shared = context({ log: field.eventLog<string>() });
  const loud = node({
    context: Shared,
    input: z.number(),
    run({ context }) {
      for (let at = 0; at < 3; at += 1) context.log.append("x".repeat(500_000));
      return next(1);
    },
  });
  const flow = workflow({
    name: "loud",
    version: "1",
    context: Shared,
    nodes: { loud },
    start: "loud",
    edges: { loud: [] },
  });
  expect(await executed(flow, "loud", 1)).toMatchObject({
    delta: undefined,
    outcome: { kind: "fail", failure: { code: "PAYLOAD_TOO_LARGE" } },
  });
});

test("an attempt can be ended from outside while its body hangs, and keeps its log lines", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "hangs",
    version: "1",
    nodes: {
      hang: any({
        run: ({ logger }) => {
          logger.info("waiting");
          return new Promise<never>(() => undefined);
        },
      }),
      late: any(),
    },
    start: "hang",
    edges: { hang: { to: [], onTimeout: "late" }, late: [] },
  });
  const attempt = attemptOf(flow, claimed(flow, "hang", { a: 1 }));
  void attempt.execute(nowhere(flow));
  const { outcome, logs } = await attempt.fail(engineFailure("TIMEOUT", "too long"), true);
  expect(logs).toMatchObject([{ level: "info", message: "waiting" }]);
  if (outcome.kind !== "failOver") throw new Error(outcome.kind);
  const [item] = outcome.items;
  expect([item?.input, item?.failure].map((bytes) => bytes && decodeValue(bytes))).toEqual([
    { a: 1 },
    { code: "TIMEOUT", message: "too long", node: "hang", attempt: 1 },
  ]);
});

test("a step whose result the store does not keep any more fails with STALE_LEASE", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "steps",
    version: "1",
    nodes: { only: any({ run: async ({ step }) => next(await step("a", () => 1)) }) },
    start: "only",
    edges: { only: [] },
  });
  const attempt = attemptOf(flow, claimed(flow, "only", 1), { putMemo: async () => false });
  expect((await attempt.execute(nowhere(flow))).outcome).toMatchObject({ failure: { code: "STALE_LEASE" } });
});

test("log lines and metrics of one attempt are bounded, and a logger never throws", async () => {
  const forward = {
    ...silentLogger,
    info: vi.fn(() => {
      throw new Error("full");
    }),
  };
  const problems: unknown[] = [];
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "talks",
    version: "1",
    nodes: {
      only: any({
        run: ({ logger, metric }) => {
          logger.info("cyclic", { logger });
          logger.warn("a\u0000b", { n: 1n });
          for (let at = 0; at < 2_000; at += 1) logger.debug(`line ${at}`);
          for (let at = 0; at < 1_001; at += 1) {
            try {
              metric(at === 5 ? "not a name" : "m", at === 6 ? Number.NaN : at);
            } catch (error) {
              problems.push(error instanceof MillraceError && error.code);
            }
          }
          return next(1);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  const attempt = attemptOf(flow, claimed(flow, "only", 1), { logger: forward });
  const { logs, metrics } = await attempt.execute(nowhere(flow));
  expect(logs).toHaveLength(201);
  expect(logs[0]).toMatchObject({ message: "cyclic", data: expect.stringContaining("leftOut") });
  expect(logs[1]).toMatchObject({ message: "a\ufffdb", data: expect.stringContaining("leftOut") });
  expect(logs.at(-1)?.message).toContain("lines were dropped");
  expect(metrics).toHaveLength(999);
  expect(problems).toEqual(["INVALID_VALUE", "INVALID_VALUE"]);
});

test("the digest of a commit is the same for the same content, and another one for any difference", async () => {
  const flow = dynamicWorkflow<unknown, unknown>({
    name: "digest",
    version: "1",
    nodes: { spread: split(z.number(), (count) => [count]), end: any() },
    start: "spread",
    edges: { spread: "end", end: [] },
  });
  const digests = async (input: unknown, place = { base: 0, after: [] as number[] }, conflicts = 0, changes = {}) => {
    const item = claimed(flow, "spread", input, changes);
    return commitOf(item, await attemptOf(flow, item).execute(nowhere(flow)), conflicts, place).digest;
  };
  const first = await digests(1);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(await digests(1)).toBe(first);
  const others = [
    await digests(2),
    await digests(1, { base: 1, after: [] }),
    await digests(1, { base: 0, after: [0] }),
    await digests(1, undefined, 1),
    await digests(1, undefined, 0, { epoch: 3 }),
    await digests("no number"),
  ];
  expect(new Set([first, ...others]).size).toBe(7);
});
