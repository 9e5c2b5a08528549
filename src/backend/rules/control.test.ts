import { expect, test } from "vitest";
import { newItem, startOf } from "../../../test/backend/engine.ts";
import type { RunStatus, WorkItemStatus } from "../../core/status.ts";
import type { ControlAction } from "../contract/control.ts";
import type { RunFailure, RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { type ControlEffect, decideControl } from "./control.ts";
import { freshItem } from "./item-row.ts";
import { decideStart } from "./run-row.ts";

const NOW = 10_000;
const PLACE = { from: undefined, group: undefined, joins: undefined, index: 0, path: "" };

function itemOf(number: number, status: WorkItemStatus, changes: Partial<WorkItem> = {}): WorkItem {
  return { ...freshItem("run", number, newItem("node"), PLACE, 1_000), status, ...changes };
}

function runOf(
  status: RunStatus,
  items: readonly WorkItem[] = [itemOf(0, "pending")],
  changes: Partial<RunState> = {},
): RunState {
  const count = (...statuses: WorkItemStatus[]) => items.filter((item) => statuses.includes(item.status)).length;
  return {
    ...decideStart(startOf("run"), 1_000).run,
    status,
    items: items.length,
    open: count("pending", "in_progress", "waiting_retry", "waiting"),
    held: count("held"),
    failed: count("permanently_failed", "failed"),
    ...changes,
  };
}

function decide(
  run: RunState,
  action: ControlAction,
  items: readonly WorkItem[] = [itemOf(0, "pending")],
  failure?: RunFailure,
) {
  const rows = {
    run,
    failure,
    item: (number: number) => items[number],
    answer: () => undefined,
    unfinished: () => items,
  };
  return decideControl(rows, action, NOW);
}

function effectOf(...given: Parameters<typeof decide>): ControlEffect {
  const decision = decide(...given);
  if (decision.kind !== "apply") throw new Error(JSON.stringify(decision.outcome));
  return decision.effect;
}

const runId = "run";
const ERROR = { code: "ERROR", message: "no" };

test.each<[ControlAction["kind"], RunStatus, string]>([
  ["cancel", "running", "cancelled"],
  ["cancel", "waiting", "cancelled"],
  ["cancel", "paused", "cancelled"],
  ["cancel", "compensating", "cancelled"],
  ["cancel", "cancelled", "unchanged"],
  ["cancel", "completed", "RUN_CLOSED"],
  ["cancel", "failed", "RUN_CLOSED"],
  ["pause", "running", "paused"],
  ["pause", "waiting", "paused"],
  ["pause", "paused", "unchanged"],
  ["pause", "compensating", "ILLEGAL_TRANSITION"],
  ["pause", "completed", "RUN_CLOSED"],
  ["pause", "failed", "RUN_CLOSED"],
  ["pause", "cancelled", "RUN_CLOSED"],
  ["resume", "running", "unchanged"],
  ["resume", "waiting", "unchanged"],
  ["resume", "paused", "running"],
  ["resume", "failed", "running"],
  ["resume", "cancelled", "running"],
  ["resume", "completed", "RUN_CLOSED"],
  ["resume", "compensating", "ILLEGAL_TRANSITION"],
  ["complete", "running", "completed"],
  ["complete", "paused", "completed"],
  ["complete", "compensating", "ILLEGAL_TRANSITION"],
  ["complete", "failed", "RUN_CLOSED"],
  ["fail", "running", "failed"],
  ["fail", "compensating", "failed"],
  ["fail", "cancelled", "RUN_CLOSED"],
  ["delete", "completed", "completed"],
  ["delete", "failed", "failed"],
  ["delete", "cancelled", "cancelled"],
  ["delete", "running", "RUN_OPEN"],
  ["delete", "paused", "RUN_OPEN"],
  ["enqueue", "paused", "paused"],
  ["enqueue", "completed", "RUN_CLOSED"],
  ["merge", "running", "running"],
  ["merge", "failed", "RUN_CLOSED"],
  ["retryItem", "running", "ILLEGAL_TRANSITION"],
  ["setAttempts", "running", "running"],
  ["setAttempts", "cancelled", "ILLEGAL_TRANSITION"],
])("%s on a %s run gives %s", (kind, status, expected) => {
  const actions: Readonly<Record<ControlAction["kind"], ControlAction>> = {
    cancel: { kind: "cancel", runId },
    pause: { kind: "pause", runId },
    resume: { kind: "resume", runId },
    complete: { kind: "complete", runId, output: new Uint8Array() },
    fail: { kind: "fail", runId, failure: ERROR },
    delete: { kind: "delete", runId },
    enqueue: { kind: "enqueue", runId, item: newItem("more") },
    merge: { kind: "merge", runId, delta: new Uint8Array(), writes: [] },
    retryItem: { kind: "retryItem", runId, item: 0 },
    setAttempts: { kind: "setAttempts", runId, item: 0, attempts: 2 },
    completeWait: { kind: "completeWait", runId, item: 0, number: 1, payload: new Uint8Array() },
  };
  const decision = decide(runOf(status), actions[kind]);
  if (decision.kind === "apply") expect(decision.effect.run.status).toBe(expected);
  else expect(decision.outcome.kind === "refused" ? decision.outcome.code : decision.outcome.kind).toBe(expected);
});

test("an unknown run is not found", () => {
  const rows = {
    run: undefined,
    failure: undefined,
    item: () => undefined,
    answer: () => undefined,
    unfinished: () => [],
  };
  expect(decideControl(rows, { kind: "pause", runId }, NOW)).toMatchObject({ outcome: { code: "RUN_NOT_FOUND" } });
});

test("closing writes the run alone: its status, its end and the next generation", () => {
  const effect = effectOf(runOf("running"), { kind: "cancel", runId, reason: "enough" });
  expect(effect.run).toMatchObject({ status: "cancelled", generation: 1, statusAt: NOW, finishedAt: NOW, open: 1 });
  expect(effect).toEqual({ run: effect.run, failure: { code: "RUN_CANCELLED", message: "enough" } });
});

test("resuming a failed run re-opens what failed with fresh attempts, and what was in progress, and nothing that ended", () => {
  const items = [
    itemOf(0, "permanently_failed", { attempts: 5, stalls: 2, endedAt: 5, failure: ERROR, epoch: 7 }),
    itemOf(1, "in_progress", { attempts: 2, epoch: 3, session: "s1", timeoutAt: 99 }),
    itemOf(2, "waiting_retry", { attempts: 1, readyAt: 20_000 }),
    itemOf(3, "held"),
  ];
  const run = runOf("failed", items, { generation: 1, finishedAt: 5 });
  const effect = effectOf(run, { kind: "resume", runId }, items, ERROR);
  expect(effect.run).toMatchObject({
    status: "running",
    generation: 1,
    finishedAt: undefined,
    open: 3,
    failed: 0,
    held: 1,
  });
  expect(effect.items).toMatchObject([
    { item: 0, status: "pending", attempts: 0, stalls: 0, endedAt: undefined, epoch: 7, readyAt: NOW },
    { item: 1, status: "pending", attempts: 2, epoch: 3, timeoutAt: undefined },
  ]);
  expect(effect).toMatchObject({ failure: null, putBack: true });
});

test("resuming a stuck run re-opens its held items", () => {
  const items = [itemOf(0, "held"), itemOf(1, "held")];
  const effect = effectOf(runOf("failed", items), { kind: "resume", runId }, items, { code: "RUN_STUCK", message: "" });
  expect(effect.run).toMatchObject({ open: 2, held: 0 });
  expect(effect.items?.map((item) => item.status)).toEqual(["pending", "pending"]);
});

test("a closed run of which nothing is left to run stays closed", () => {
  expect(decide(runOf("failed", []), { kind: "resume", runId }, [], { code: "RUN_STUCK", message: "" })).toMatchObject({
    outcome: { code: "ILLEGAL_TRANSITION" },
  });
});

test("a run that timed out needs a new timeout, one over its limit a higher limit", () => {
  const timedOut = runOf("failed", undefined, { timeoutAt: 5_000 });
  expect(decide(timedOut, { kind: "resume", runId })).toMatchObject({ outcome: { code: "ILLEGAL_TRANSITION" } });
  expect(effectOf(timedOut, { kind: "resume", runId, timeoutMs: 500 }).run.timeoutAt).toBe(NOW + 500);
  const full = runOf("failed", undefined, { items: 10, maxItems: 10 });
  const over = { code: "TOO_MANY_ITEMS", message: "" };
  expect(decide(full, { kind: "resume", runId, maxItems: 10 }, undefined, over).kind).toBe("answer");
  expect(effectOf(full, { kind: "resume", runId, maxItems: 11 }, undefined, over).run.maxItems).toBe(11);
});

test("a paused run resumes with its timeout as it was, so that an overdue one fires at once", () => {
  const effect = effectOf(runOf("paused", undefined, { timeoutAt: 5_000 }), { kind: "resume", runId });
  expect(effect.run).toMatchObject({ status: "running", timeoutAt: 5_000 });
  expect(effect.items).toBeUndefined();
});

test("a run of which everything open is parked resumes as waiting", () => {
  const items = [itemOf(0, "waiting")];
  expect(effectOf(runOf("paused", items, { parked: 1 }), { kind: "resume", runId }, items).run.status).toBe("waiting");
});

test("retrying an item with edited input begins a new revision of it", () => {
  const items = [
    itemOf(0, "permanently_failed", { attempts: 3 }),
    itemOf(1, "in_progress", { session: "s1", timeoutAt: 9 }),
  ];
  const input = new Uint8Array([1]);
  const effect = effectOf(runOf("failed", items), { kind: "retryItem", runId, item: 0, input }, items, ERROR);
  expect(effect).toMatchObject({
    about: 0,
    input: { item: 0, bytes: input },
    run: { open: 2, failed: 0, status: "running" },
  });
  expect(effect.items).toMatchObject([
    { item: 0, revision: 1, attempts: 0 },
    { item: 1, status: "pending" },
  ]);
  const unedited = effectOf(runOf("failed", items), { kind: "retryItem", runId, item: 0 }, items, ERROR);
  expect(unedited.items?.[0]).toMatchObject({ revision: 0 });
});

test.each<WorkItemStatus>(["completed", "failed", "held", "pending", "in_progress"])(
  "a %s item cannot be retried",
  (status) => {
    const items = [itemOf(0, status)];
    expect(decide(runOf("failed", items), { kind: "retryItem", runId, item: 0 }, items)).toMatchObject({
      outcome: { code: "ILLEGAL_TRANSITION" },
    });
  },
);

test("an item that there is not cannot be retried", () => {
  expect(decide(runOf("failed"), { kind: "retryItem", runId, item: 9 })).toMatchObject({
    outcome: { code: "ITEM_NOT_FOUND" },
  });
});

test("attempts are set only while nobody executes the item, and never fall below zero", () => {
  const busy = [itemOf(0, "in_progress", { session: "s", timeoutAt: 1 })];
  expect(decide(runOf("running", busy), { kind: "setAttempts", runId, item: 0, attempts: 1 }, busy).kind).toBe(
    "answer",
  );
  const effect = effectOf(runOf("running"), { kind: "setAttempts", runId, item: 0, attempts: { add: -3 } });
  expect(effect.items).toMatchObject([{ attempts: 0 }]);
});

test("an item enqueued from outside counts against the limit of its run", () => {
  const action: ControlAction = { kind: "enqueue", runId, item: newItem("more", { delayMs: 5 }) };
  expect(effectOf(runOf("running"), action)).toMatchObject({
    about: 1,
    run: { items: 2, open: 2 },
    inserted: { item: { item: 1, readyAt: NOW + 5, group: undefined } },
  });
  expect(decide(runOf("running", undefined, { maxItems: 1 }), action)).toMatchObject({
    outcome: { code: "TOO_MANY_ITEMS" },
  });
});

test("a delta from outside takes the next sequence and marks the fields it wrote", () => {
  const effect = effectOf(runOf("running"), { kind: "merge", runId, delta: new Uint8Array([7]), writes: [2] });
  expect(effect).toMatchObject({
    run: { sequence: 1, fieldSequences: [0, 0, 1] },
    delta: { sequence: 1, item: "run", epoch: 0 },
  });
});
