import { describe, expect, test } from "vitest";
import type { AuditEntry } from "../../backend/contract/control.ts";
import type { RunFailure, RunRecord } from "../../backend/contract/run.ts";
import type { SessionRecord, WorkerHealth } from "../../backend/contract/session.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import { RUN_TRANSITIONS, type RunStatus, WORK_ITEM_TRANSITIONS, type WorkItemStatus } from "../../core/status.ts";
import type { Facts } from "./facts.ts";
import { explainItem } from "./item-sentence.ts";
import { explainRun } from "./run-sentence.ts";

const NOW = 10_000_000;
const MINUTE = 60_000;

function run(changes: Partial<RunRecord> = {}): RunRecord {
  return {
    ...{ id: "r", workflow: "order", version: "1.2.0", definition: "d120", status: "running", generation: 0 },
    ...{ sequence: 0, commits: 1, items: 1, open: 1, parked: 0, held: 0, outputs: 0, completed: 0, failed: 0 },
    ...{ retried: 0, conflicts: 0, completion: "single", maxItems: 100, priority: 0, timeoutAt: undefined },
    ...{ createdAt: NOW - 10 * MINUTE, statusAt: NOW - 5 * MINUTE, finishedAt: undefined, fieldSequences: [] },
    ...{ affinity: undefined, input: new Uint8Array(), output: undefined, failure: undefined, tags: {} },
    ...{ idempotencyKey: undefined, inputDigest: "", parent: undefined },
    ...changes,
  };
}

function item(changes: Partial<WorkItem> = {}): WorkItem {
  return {
    ...{ runId: "r", item: 3, node: "pay", kind: "node", status: "pending", from: undefined, attempts: 0, stalls: 0 },
    ...{ conflicts: 0, epoch: 0, session: undefined, claimedAt: undefined, readyAt: NOW - MINUTE, priority: 0 },
    ...{ queue: "default", labels: [], keys: [], group: undefined, joins: undefined, index: 0, path: "" },
    ...{ createdAt: NOW - 2 * MINUTE, endedAt: undefined, commit: 0, timeoutMs: 1, timeoutAt: undefined },
    ...{ deadlineMs: undefined, deadlineAt: undefined, reason: "ready", revision: 0, commitDigest: undefined },
    ...{ waitedMs: undefined, ranMs: undefined, failure: undefined },
    ...changes,
  };
}

function session(changes: Partial<SessionRecord> = {}, health: Partial<WorkerHealth> = {}): SessionRecord {
  return {
    ...{ id: "s1", workerId: "w1", leaseMs: 30_000, queues: ["default"], labels: [], definitions: ["d120"] },
    ...{ host: "host1", pid: 1, startedAt: 0, heartbeatAt: NOW - 1_000, until: NOW + 29_000, stoppedAt: undefined },
    health: { status: "idle", items: [], completed: 0, errors: 0, ...health },
    ...changes,
  };
}

function facts(changes: Partial<Facts> & { readonly workers?: readonly SessionRecord[] } = {}): Facts {
  const { workers = [], ...rest } = changes;
  return {
    now: NOW,
    run: run(),
    sessions: new Map(workers.map((one) => [one.id, one])),
    definitions: [
      { hash: "d110", name: "order", version: "1.1.0", json: "{}", publishedAt: 0 },
      { hash: "d120", name: "order", version: "1.2.0", json: "{}", publishedAt: 1 },
    ],
    actions: new Map(),
    maxAttempts: () => undefined,
    thresholdMs: 30_000,
    ...rest,
  };
}

function paused(actor?: string): ReadonlyMap<AuditEntry["action"], AuditEntry> {
  return new Map([["pause", { runId: "r", at: 0, action: "pause", actor, detail: "{}", item: undefined }]]);
}

describe("a ready item", () => {
  test("waits for a worker with its definition, and tells which versions there are", () => {
    expect(explainItem(facts(), item()).sentence).toBe(
      'Item r.3 of node "pay" is ready since 1970-01-01T02:45:40.000Z (1m ago) and waits for a worker, since there is no live worker for order@1.2.0: there is no live worker at all.',
    );
    const older = facts({ workers: [session({ definitions: ["d110"] })] });
    expect(explainItem(older, item()).sentence).toContain(
      "no live worker for order@1.2.0: live workers have order@1.1.0",
    );
    const other = facts({ workers: [session({ definitions: [] })] });
    expect(explainItem(other, item()).sentence).toContain("none of the 1 live worker has it");
    const dead = facts({ workers: [session({ heartbeatAt: NOW - 90_000 })] });
    expect(explainItem(dead, item()).sentence).toContain("there is no live worker at all");
    expect(explainItem(dead, item()).releasedBy).toContain("a worker started with order@1.2.0");
  });

  test("waits for a worker of its queue, or one that offers its labels", () => {
    const engine = facts({ workers: [session()] });
    expect(explainItem(engine, item({ queue: "slow" })).sentence).toContain(
      'waits for a worker of order@1.2.0 that serves queue "slow": the live ones serve "default"',
    );
    expect(explainItem(engine, item({ labels: ["gpu", "eu"] })).sentence).toContain(
      'that offers the labels "gpu" and "eu": no live one in queue "default" does',
    );
  });

  test("waits for a free slot where all who could take it are busy", () => {
    const busy = { status: "in_progress", items: ["r.1", "r.2"] } as const;
    const workers = [session({}, busy), session({ id: "s2", workerId: "w2" }, busy)];
    expect(explainItem(facts({ workers }), item()).sentence).toContain(
      "waits for a free slot: w1 and w2 are busy with 4 items",
    );
  });

  test("waits for the next claim of who has nothing to do, and for nobody who drains", () => {
    const workers = [session(), session({ id: "s2", workerId: "w2" }, { status: "draining" })];
    expect(explainItem(facts({ workers }), item()).sentence).toContain("waits for the next claim of w1");
    expect(explainItem(facts({ workers: workers.slice(1) }), item()).sentence).toContain(
      "waits for a worker that is not draining: w2 is",
    );
  });

  test("is not taken while its run is paused, and tells by whom", () => {
    const told = explainItem(
      facts({ run: run({ status: "paused" }), actions: paused("ann"), workers: [session()] }),
      item(),
    );
    expect(told.sentence).toContain("but its run is paused since 1970-01-01T02:41:40.000Z (5m ago) by ann");
    expect(told.releasedBy).toBe("resume of the run");
  });

  test("tells how often its workers vanished, and its deadline", () => {
    const told = explainItem(facts({ workers: [session()] }), item({ stalls: 2, deadlineAt: NOW + MINUTE }));
    expect(told.sentence).toContain("after 2 workers vanished with it");
    expect(told.sentence).toContain("its deadline is at 1970-01-01T02:47:40.000Z (in 1m)");
  });
});

describe("other items", () => {
  test("a delayed one tells until when", () => {
    const told = explainItem(facts(), item({ readyAt: NOW + MINUTE }));
    expect(told.sentence).toBe('Item r.3 of node "pay" is delayed until 1970-01-01T02:47:40.000Z (in 1m).');
  });

  test("one that is tried again tells which attempt of how many, when, and why", () => {
    const failed = item({
      ...{ status: "waiting_retry", attempts: 1, readyAt: NOW + 5_000, claimedAt: NOW - 3_000, ranMs: 1_000 },
      failure: { code: "ERROR", message: "card refused.\nat line 3" },
    });
    const told = explainItem(facts({ maxAttempts: () => 5 }), failed);
    expect(told.sentence).toBe(
      'Item r.3 of node "pay" failed 1 attempt, the last with ERROR: card refused, and waits for attempt 2 of 5 at 1970-01-01T02:46:45.000Z (in 5s).',
    );
    expect(told.since).toBe(NOW - 2_000);
    const due = explainItem(facts({ workers: [session()] }), { ...failed, readyAt: NOW });
    expect(due.sentence).toContain(
      "is ready for attempt 2 since 1970-01-01T02:46:40.000Z (now) and waits for the next claim of w1",
    );
  });

  test("one in progress tells who has it, since when, and until when the lease holds", () => {
    const leased = item({ status: "in_progress", session: "s1", claimedAt: NOW - 2_000, timeoutAt: NOW + MINUTE });
    const told = explainItem(facts({ workers: [session()] }), leased);
    expect(told.sentence).toBe(
      'Item r.3 of node "pay" is in attempt 1 by worker w1 on host1 since 1970-01-01T02:46:38.000Z (2s ago); its lease holds until 1970-01-01T02:47:09.000Z (in 29s), and the attempt times out at 1970-01-01T02:47:40.000Z (in 1m).',
    );
    const stale = facts({ workers: [session({ heartbeatAt: NOW - 40_000 })] });
    expect(explainItem(stale, leased).sentence).toContain("which is stale since its heartbeat at");
    const inPause = facts({ workers: [session()], run: run({ status: "paused" }) });
    expect(explainItem(inPause, leased).sentence).toContain("its run is paused, but this attempt may still commit");
    const late = explainItem(facts({ workers: [session()] }), { ...leased, reason: "timeout" });
    expect(late.sentence).toContain("is in the failure path, because of its timeout, by worker w1");
  });

  test("one whose worker is gone tells who takes it over", () => {
    const leased = item({ status: "in_progress", session: "s1", claimedAt: NOW - 2 * MINUTE });
    const gone = session({ heartbeatAt: NOW - 2 * MINUTE, until: NOW - 90_000 });
    expect(explainItem(facts({ workers: [gone] }), leased).sentence).toContain(
      "but that worker is dead (last heard of at 1970-01-01T02:44:40.000Z (2m ago)) and its lease ran out at",
    );
    const two = facts({ workers: [gone, session({ id: "s2", workerId: "w2" })] });
    expect(explainItem(two, leased).sentence).toContain("so that it waits for the next claim of w2");
    expect(explainItem(facts(), leased).sentence).toContain("by a worker that is not known any more");
    const stopped = session({ stoppedAt: NOW - 1_000, until: NOW - 1_000 });
    expect(explainItem(facts({ workers: [stopped] }), leased).sentence).toContain("that worker is stopped");
  });

  test("ended ones tell when, how, and what would run them again", () => {
    const failure = { code: "CARD", message: "refused" };
    const ended = { endedAt: NOW - MINUTE, attempts: 2, failure } as const;
    expect(
      explainItem(facts(), item({ status: "completed", endedAt: NOW - MINUTE, attempts: 1, ranMs: 12 })).sentence,
    ).toBe('Item r.3 of node "pay" completed at 1970-01-01T02:45:40.000Z (1m ago) at attempt 2, having run for 12ms.');
    expect(explainItem(facts(), item({ status: "failed", ...ended })).sentence).toContain("its failure edge took over");
    const forGood = explainItem(facts(), item({ status: "permanently_failed", ...ended }));
    expect(forGood.sentence).toContain(
      "failed for good at 1970-01-01T02:45:40.000Z (1m ago) after 2 attempts with CARD: refused",
    );
    expect(forGood.releasedBy).toBe("retry of the item, or resume of the run");
    expect(explainItem(facts(), item({ status: "held", endedAt: NOW })).sentence).toContain("a later item decides");
    const stuck = facts({ run: run({ status: "failed", finishedAt: NOW }) });
    expect(explainItem(stuck, item({ status: "held", endedAt: NOW })).releasedBy).toBe("resume of the run");
    const closed = facts({ run: run({ status: "cancelled", finishedAt: NOW - MINUTE }) });
    expect(explainItem(closed, item({ status: "cancelled" })).sentence).toContain(
      "was still open when its run was cancelled at",
    );
    const won = facts({ run: run({ status: "completed", finishedAt: NOW - MINUTE }) });
    expect(explainItem(won, item({ status: "cancelled" })).releasedBy).toBeUndefined();
  });

  test.each(Object.keys(WORK_ITEM_TRANSITIONS) as WorkItemStatus[])("%s has one sentence", (status) => {
    const { sentence } = explainItem(facts(), item({ status }));
    expect(sentence).toMatch(/^Item r\.3 of node "pay" .+[^.]\.$/);
  });
});

describe("a run", () => {
  test("that is running tells the story of what stands nearest to moving", () => {
    const engine = facts({ workers: [session()], run: run({ open: 3, timeoutAt: NOW + MINUTE }) });
    const telling = [
      item({ item: 1 }),
      item({ item: 2, status: "in_progress", session: "s1", claimedAt: NOW }),
      item({ item: 4, status: "waiting_retry", readyAt: NOW + 1_000 }),
    ];
    const told = explainRun(engine, telling);
    expect(told.sentence).toMatch(
      /^Run r of order@1\.2\.0 is running since 1970-01-01T02:41:40\.000Z \(5m ago\) \(the run times out at .+\): 3 items are open, 1 in progress, 1 pending and 1 waiting for a retry; of these, item r\.2 of node "pay" is in attempt 1 by worker w1/,
    );
    expect(told.items.map(({ itemId }) => itemId)).toEqual(["r.1", "r.2", "r.4"]);
    expect(explainRun(engine, []).sentence).toContain("was moving on as it was looked at");
  });

  test("that is paused tells by whom and what is still in flight", () => {
    const engine = facts({ run: run({ status: "paused", open: 2 }), actions: paused("ann") });
    const told = explainRun(engine, [item({ status: "in_progress" })]);
    expect(told.sentence).toBe(
      "Run r of order@1.2.0 is paused since 1970-01-01T02:41:40.000Z (5m ago) by ann with 2 open items, and nothing of it is claimed until it is resumed; 1 attempt in flight may still commit.",
    );
  });

  test.each<[RunFailure, Partial<RunRecord>, string, boolean]>([
    [
      { code: "CARD", message: "refused", node: "pay", attempt: 3 },
      {},
      'with CARD at node "pay" (attempt 3): refused; resume it',
      true,
    ],
    [{ code: "STALLED", message: "gone", node: "pay" }, {}, "look for a crash", true],
    [{ code: "TIMEOUT", message: "too long" }, {}, "resume it with a new timeout", true],
    [{ code: "TIMEOUT", message: "too long", node: "pay" }, {}, "resume it to run again what failed", true],
    [{ code: "TOO_MANY_ITEMS", message: "loop", node: "pay" }, { items: 7 }, "maxItems of more than 7", true],
    [{ code: "MULTIPLE_OUTPUTS", message: "two" }, {}, "it cannot be resumed", false],
    [{ code: "RUN_STUCK", message: "held at x" }, { held: 1 }, "lets the items that hold decide again", true],
    [{ code: "RUN_STUCK", message: "ended" }, { held: 0 }, "correct the workflow", false],
  ])("that failed with %o tells what a resume needs", (failure, changes, part, canResume) => {
    const told = explainRun(facts({ run: run({ status: "failed", finishedAt: NOW, failure, ...changes }) }), []);
    expect(told.sentence).toContain(part);
    expect(told.releasedBy !== undefined).toBe(canResume);
  });

  test("that was cancelled or has completed tells how", () => {
    const reason = { code: "RUN_CANCELLED", message: "customer left" };
    const cancelled = facts({ run: run({ status: "cancelled", finishedAt: NOW, failure: reason, open: 2 }) });
    expect(explainRun(cancelled, []).sentence).toContain("(customer left) with 2 items open; resume it");
    const done = run({ status: "completed", finishedAt: NOW - 5 * MINUTE, items: 4, retried: 1, failed: 2, open: 0 });
    expect(explainRun(facts({ run: done }), []).sentence).toContain("after 5m and 4 items, with 2 failed and 1 retry");
    expect(explainRun(facts({ run: done }), []).releasedBy).toBeUndefined();
  });

  test.each(Object.keys(RUN_TRANSITIONS) as RunStatus[])("%s has one sentence", (status) => {
    const { sentence } = explainRun(facts({ run: run({ status }) }), [item()]);
    expect(sentence).toMatch(/^Run r of order@1\.2\.0 .+[^.]\.$/);
  });
});
