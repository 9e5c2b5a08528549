import { expect, test } from "vitest";
import { newItem } from "../../../test/backend/engine.ts";
import type { NewItem } from "../contract/commit.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { AGEING_STEP_MS, decideClaim, dueAt, isReady, rankOf } from "./due.ts";
import { freshItem, readItem, releasedItem } from "./item-row.ts";

const PLACE = { from: undefined, group: undefined, joins: undefined, index: 0, path: "" };

function item(fields: Partial<NewItem> = {}, changes: Partial<WorkItem> = {}): WorkItem {
  return { ...freshItem("run", 0, newItem("node", fields), PLACE, 1_000), ...changes };
}

function claimed(fields: Partial<NewItem> = {}, now = 1_000): WorkItem {
  return decideClaim(item(fields), "s1", 3, now).item;
}

test("one step of priority outweighs one ageing step of waiting, not more", () => {
  const old = item({}, { readyAt: 0 });
  const young = item({ priority: 1 }, { readyAt: AGEING_STEP_MS - 1 });
  expect(rankOf(young)).toBeLessThan(rankOf(old));
  expect(rankOf({ ...young, readyAt: AGEING_STEP_MS + 1 })).toBeGreaterThan(rankOf(old));
});

test("an item is ready when its delay is over, or its deadline has passed before that", () => {
  expect(isReady(item({ delayMs: 50 }), 1_049)).toBe(false);
  expect(isReady(item({ delayMs: 50 }), 1_050)).toBe(true);
  const retried = item({ deadlineMs: 100 }, { status: "waiting_retry", readyAt: 5_000 });
  expect(dueAt(retried, 1_050)).toBe(1_100);
  expect(isReady(retried, 1_100)).toBe(true);
});

test("the deadline begins when the item is ready for the first time", () => {
  expect(item({ delayMs: 50, deadlineMs: 100 }).deadlineAt).toBe(1_150);
});

test("an item in progress is due at its timeout or its deadline, whichever comes first", () => {
  expect(dueAt(claimed({ timeoutMs: 10, deadlineMs: 100 }), 1_000)).toBe(1_010);
  expect(dueAt(claimed({ timeoutMs: 100, deadlineMs: 10 }), 1_000)).toBe(1_010);
});

test.each(["completed", "held", "failed", "permanently_failed", "cancelled"] as const)(
  "a %s item is never due",
  (status) => {
    expect(dueAt(item({ deadlineMs: 10 }, { status }), 5_000)).toBeUndefined();
  },
);

test("a claim raises the epoch, starts the timeout and tells how long the item waited", () => {
  const { item: taken, reason, takenOver } = decideClaim(item({ timeoutMs: 10 }), "s1", 3, 1_400);
  expect({ reason, takenOver }).toEqual({ reason: "ready", takenOver: false });
  expect(taken).toMatchObject({
    status: "in_progress",
    epoch: 1,
    session: "s1",
    timeoutAt: 1_410,
    waitedMs: 400,
    stalls: 0,
  });
});

test("taking an item from a session that vanished counts a stall; after maxStalls it is handed out as stalled", () => {
  const first = decideClaim(claimed(), "s2", 2, 2_000);
  expect(first).toMatchObject({ takenOver: true, reason: "ready", item: { stalls: 1, attempts: 0 } });
  const second = decideClaim(first.item, "s3", 2, 3_000);
  expect(second).toMatchObject({ takenOver: true, reason: "stalled", item: { stalls: 2 } });
});

test("an attempt past its timeout is handed out as timed out, and that is no stall", () => {
  expect(decideClaim(claimed({ timeoutMs: 10 }), "s2", 3, 1_010)).toMatchObject({
    reason: "timeout",
    takenOver: false,
    item: { stalls: 0 },
  });
});

test("a deadline is the reason also while the attempt has timed out, and for an item that only waited", () => {
  expect(decideClaim(claimed({ timeoutMs: 10, deadlineMs: 10 }), "s2", 3, 1_010).reason).toBe("deadline");
  expect(decideClaim(item({ deadlineMs: 10 }, { status: "waiting_retry" }), "s2", 3, 1_010).reason).toBe("deadline");
});

test("a reason to fail sticks until its failure path is committed, and vanishing with it is no stall", () => {
  const timedOut = decideClaim(claimed({ timeoutMs: 10 }), "s2", 3, 1_010).item;
  expect(decideClaim(timedOut, "s3", 3, 1_015)).toMatchObject({
    reason: "timeout",
    takenOver: false,
    item: { stalls: 0 },
  });
  expect(decideClaim(releasedItem(timedOut), "s3", 3, 1_015).reason).toBe("timeout");
});

test("an item handed out because of its deadline is not due again because of it", () => {
  const late = decideClaim(claimed({ timeoutMs: 500, deadlineMs: 10 }), "s2", 3, 1_010).item;
  expect(dueAt(late, 1_010)).toBe(1_510);
});

test("items of a closed run that are open by their row read as cancelled; what ended reads as it ended", () => {
  expect(readItem(item(), { status: "failed" }).status).toBe("cancelled");
  expect(readItem(item(), { status: "paused" }).status).toBe("pending");
  expect(readItem(item({}, { status: "held" }), { status: "cancelled" }).status).toBe("held");
});
