import { expect, test } from "vitest";
import { newItem, startOf } from "../../../test/backend/engine.ts";
import { appendPath } from "./branch-path.ts";
import { appendSequence, closeRun, decideStart, expireRun, isRunExpired } from "./run-row.ts";

const run = decideStart(startOf("run", { timeoutMs: 100 }), 1_000).run;

test("a run starts with one item, its timeout from now, and its initial context as delta 1", () => {
  const delta = { bytes: new Uint8Array([1]), writes: [2] };
  const started = decideStart(
    startOf("run", { delta, timeoutMs: 100, first: newItem("first", { delayMs: 30 }) }),
    1_000,
  );
  expect(started.run).toMatchObject({
    status: "running",
    open: 1,
    items: 1,
    sequence: 1,
    timeoutAt: 1_100,
    generation: 0,
  });
  expect(started.run.fieldSequences).toEqual([0, 0, 1]);
  expect(started.delta).toEqual({ sequence: 1, item: "run", epoch: 0, at: 1_000, delta: delta.bytes });
  expect(started.item).toMatchObject({ item: 0, status: "pending", readyAt: 1_030, path: "", group: undefined });
});

test("a start in the past is now", () => {
  expect(decideStart(startOf("run", { startAt: 5 }), 1_000).item.readyAt).toBe(1_000);
});

test.each([
  ["running", 1_100, true],
  ["waiting", 1_100, true],
  ["running", 1_099, false],
  ["paused", 5_000, false],
  ["compensating", 5_000, false],
  ["completed", 5_000, false],
] as const)("a %s run at %d has expired: %s", (status, now, expired) => {
  expect(isRunExpired({ ...run, status }, now)).toBe(expired);
});

test("a run that expires fails with its timeout, in a new generation", () => {
  expect(expireRun(run, 1_200)).toMatchObject({
    run: { status: "failed", generation: 1, finishedAt: 1_200, open: 1 },
    failure: { code: "TIMEOUT", message: expect.stringContaining("100 ms") },
  });
});

test("every closing is a generation of its own", () => {
  const again = closeRun({ ...closeRun(run, "cancelled", 1), status: "running" }, "failed", 2);
  expect(again).toMatchObject({ generation: 2, status: "failed", statusAt: 2, finishedAt: 2 });
});

test("a delta marks each field that it wrote, and no other", () => {
  const once = appendSequence(run, [3, 1]);
  expect(once.fieldSequences).toEqual([0, 1, 0, 1]);
  expect(appendSequence(once, [0]).fieldSequences).toEqual([2, 1, 0, 1]);
  expect(appendSequence(once, [])).toMatchObject({ sequence: 2, fieldSequences: [0, 1, 0, 1] });
  expect(run.fieldSequences).toEqual([]);
});

test("paths sort as branches do, and an emission of one adds nothing", () => {
  const wide = [0, 9, 10, 35, 36, 1_000, 9_999].map((index) => appendPath("", index, 10_000));
  expect(wide.toSorted()).toEqual(wide);
  expect(appendPath("0001", 0, 1)).toBe("0001");
  const nested = [appendPath("0000", 5, 9), appendPath("0001", 0, 9), appendPath("0001", 8, 9)];
  expect(nested.toSorted()).toEqual(nested);
});

test("paths stay bounded however often a loop fans out", () => {
  let path = "";
  for (let depth = 0; depth < 1_000; depth += 1) path = appendPath(path, 1, 2);
  expect(path.length).toBe(256);
});
