import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkItemTransition,
  checkRunTransition,
  isOpenItem,
  isTerminalRun,
  itemMayBecome,
  livenessOf,
  RUN_TRANSITIONS,
  type RunStatus,
  runMayBecome,
  WORK_ITEM_TRANSITIONS,
  WORKER_TRANSITIONS,
  type WorkItemStatus,
} from "./status.ts";

const runs = Object.keys(RUN_TRANSITIONS) as RunStatus[];
const items = Object.keys(WORK_ITEM_TRANSITIONS) as WorkItemStatus[];

describe("run status", () => {
  it("calls completed, failed and cancelled terminal, and nothing else", () => {
    expect(runs.filter(isTerminalRun)).toEqual(["completed", "failed", "cancelled"]);
  });

  it("lets nothing follow a terminal status but by a reopening", () => {
    for (const from of runs.filter(isTerminalRun)) {
      expect(runs.filter((to) => runMayBecome(from, to))).toEqual([]);
    }
    expect(runs.filter((to) => runMayBecome("failed", to, true))).toEqual(["running", "waiting", "compensating"]);
    expect(runs.filter((to) => runMayBecome("completed", to, true))).toEqual([]);
  });

  it("lets every open run be cancelled and fail", () => {
    for (const from of runs.filter((status) => !isTerminalRun(status))) {
      expect(runMayBecome(from, "cancelled")).toBe(true);
      expect(runMayBecome(from, "failed")).toBe(true);
    }
  });

  it("lets an attempt in flight complete a paused run", () => {
    expect(runMayBecome("paused", "completed")).toBe(true);
  });

  it("names what is possible when it refuses", () => {
    expect(() => checkRunTransition("r1", "completed", "running", true)).toThrow(
      expect.objectContaining({ code: "ILLEGAL_TRANSITION", runId: "r1", hints: ["Nothing follows completed."] }),
    );
    expect(() => checkRunTransition("r1", "compensating", "running")).toThrow(
      expect.objectContaining({ hints: ["From compensating it can become: failed, cancelled."] }),
    );
    expect(() => checkRunTransition("r1", "failed", "running", true)).not.toThrow();
  });
});

describe("work item status", () => {
  it("calls open what can still be claimed, is claimed or is parked", () => {
    expect(items.filter(isOpenItem)).toEqual(["pending", "in_progress", "waiting_retry", "waiting"]);
  });

  it("re-opens what was held, failed for good or was cancelled, and only so", () => {
    expect(items.filter((from) => itemMayBecome(from, "pending", true) && !itemMayBecome(from, "pending"))).toEqual([
      "held",
      "permanently_failed",
      "cancelled",
    ]);
  });

  it("lets every open item be claimed, and claimed again when its lease expired", () => {
    expect(items.filter((from) => itemMayBecome(from, "in_progress"))).toEqual(items.filter(isOpenItem));
  });

  it("refuses with the run and the item", () => {
    expect(() => checkItemTransition("r1", "i1", "completed", "pending", true)).toThrow(
      expect.objectContaining({ code: "ILLEGAL_TRANSITION", runId: "r1", itemId: "i1" }),
    );
    expect(() => checkItemTransition("r1", "i1", "pending", "in_progress")).not.toThrow();
  });
});

describe("worker status", () => {
  it("ends in stopped, from wherever", () => {
    for (const [from, next] of Object.entries(WORKER_TRANSITIONS)) {
      expect(from === "stopped" ? next.length === 0 : next.includes("stopped")).toBe(true);
    }
  });
});

describe("livenessOf", () => {
  it.each([
    [1_000, 1_000, "alive"],
    [1_000, 1_099, "alive"],
    [1_000, 1_100, "stale"],
    [1_000, 1_299, "stale"],
    [1_000, 1_300, "dead"],
    [2_000, 1_000, "alive"],
    [undefined, 1_000, "dead"],
  ] as const)("a heartbeat at %s seen at %s is %s", (heartbeatAt, now, liveness) => {
    expect(livenessOf(heartbeatAt, now, 100)).toBe(liveness);
  });

  it("never gets better with age", () => {
    const rank = { alive: 0, stale: 1, dead: 2 };
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 1e6 }), (age, more, threshold) => {
        const before = livenessOf(0, age, threshold);
        expect(rank[livenessOf(0, age + more, threshold)]).toBeGreaterThanOrEqual(rank[before]);
      }),
    );
  });
});
