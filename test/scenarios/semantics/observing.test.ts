import { describe, expect, test } from "vitest";
import type { DistributedOrchestrator, ItemOutcome, RunEvent, WorkerCallbacks } from "../../../src/index.ts";
import { all } from "../harness/run-invariants.ts";
import { moody } from "./moody.ts";
import { codeOf, drain, PLACES, refusal, START } from "./place.ts";

async function follow(
  orchestrator: DistributedOrchestrator,
  id: string,
  seen: RunEvent[],
  after?: number,
): Promise<void> {
  for await (const event of orchestrator.watch(id, { after })) seen.push(event);
}

function told(events: readonly RunEvent[]): readonly string[] {
  return events.map((event) => (event.type === "run" ? `run ${event.status}` : `${event.node} ${event.status}`));
}

describe.each(PLACES)("on $name", ({ open }) => {
  test("runOnce tells idle, progressed, completed, retried and failed apart", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const worker = place.worker(moody);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    const good = await orchestrator.startRun(moody, ["fail"]);
    const where = { runId: good.id, itemId: `${good.id}.0`, node: "act" };
    expect(await worker.runOnce()).toEqual({
      ...where,
      kind: "retried",
      attempt: 1,
      runStatus: "running",
      failure: expect.objectContaining({ code: "ERROR", message: "attempt 1" }),
    });
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    await place.clock.advance(1_000);
    expect(await worker.runOnce()).toEqual({
      ...where,
      kind: "progressed",
      attempt: 2,
      runStatus: "running",
      failure: undefined,
    });
    expect(await worker.runOnce()).toMatchObject({
      kind: "completed",
      node: "last",
      attempt: 1,
      runStatus: "completed",
    });

    const caught = await orchestrator.startRun(moody, ["abort"]);
    expect(await worker.runOnce()).toMatchObject({
      kind: "failed",
      runStatus: "running",
      failure: { code: "GIVEN_UP" },
    });
    expect(await worker.runOnce()).toMatchObject({ kind: "completed", node: "mend" });
    expect(await caught.result()).toBe("GIVEN_UP");

    await orchestrator.startRun(moody, ["hold"]);
    expect(await worker.runOnce()).toMatchObject({ kind: "failed", runStatus: "failed" });
  });

  test("watching gives every change of items in commit order, then the end; from a commit on as well", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const worker = place.worker(moody);
    const handle = await orchestrator.startRun(moody, ["fail"]);
    const seen: RunEvent[] = [];
    const following = follow(orchestrator, handle.id, seen);
    const settle = async (until: number) => {
      while (seen.length < until) await place.clock.advance(10);
    };
    await settle(1);
    await worker.runOnce();
    await settle(2);
    await handle.pause();
    await settle(3);
    await handle.resume();
    await settle(4);
    await place.clock.advance(1_000);
    await worker.runOnce();
    await settle(5);
    await worker.runOnce();
    await settle(7);
    await following;
    expect(told(seen)).toEqual([
      "run running",
      "act waiting_retry",
      "run paused",
      "run running",
      "act completed",
      "last completed",
      "run completed",
    ]);
    const commits = seen.map(({ commit }) => commit);
    expect(commits).toEqual([0, 1, 1, 1, 2, 3, 3]);
    const late: RunEvent[] = [];
    await follow(orchestrator, handle.id, late);
    expect(told(late)).toEqual(["act completed", "last completed", "run completed"]);
    const rest: RunEvent[] = [];
    await follow(orchestrator, handle.id, rest, 2);
    expect(told(rest)).toEqual(["last completed", "run completed"]);
    expect(await codeOf(follow(orchestrator, "nowhere", []))).toBe("RUN_NOT_FOUND");
  });

  test("a watch ends with its signal, and the run goes on", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const handle = await orchestrator.startRun(moody, []);
    const stop = new AbortController();
    const iterate = async () => {
      for await (const _ of handle.watch({ signal: stop.signal })) stop.abort(new Error("seen enough"));
    };
    expect((await refusal(iterate())).code).toBe("CANCELLED");
    expect(await handle.status()).toBe("running");
  });

  test("waiting for a run resolves however it ends, and gives up by time or signal without touching it", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const worker = place.worker(moody);
    const waiting = await orchestrator.startRun(moody, []);
    const early = refusal(waiting.result({ timeout: "5s" }));
    await place.clock.advance(5_000);
    expect((await early).code).toBe("TIMEOUT");
    const stop = new AbortController();
    const stopped = refusal(orchestrator.waitForCompletion(waiting.id, { signal: stop.signal }));
    stop.abort();
    expect((await stopped).code).toBe("CANCELLED");
    expect(await waiting.status()).toBe("running");
    const paused = orchestrator.waitForCompletion(waiting.id);
    await waiting.pause();
    await waiting.cancel({ reason: "enough" });
    await place.clock.advance(1_000);
    expect(await paused).toMatchObject({ status: "cancelled" });
    expect(await refusal(waiting.result())).toMatchObject({
      code: "RUN_CANCELLED",
      message: expect.stringContaining("enough"),
    });

    const failing = await orchestrator.startRun(moody, ["hold"]);
    await drain(worker);
    expect(await orchestrator.waitForCompletion(failing.id)).toMatchObject({ status: "failed" });
    const error = await refusal(failing.result());
    expect(error).toMatchObject({ code: "RUN_FAILED", runId: failing.id, node: "act" });
    expect(error.cause).toMatchObject({ code: "RUN_STUCK" });
    expect(error.hints.length).toBeGreaterThan(0);
  });

  test("a run that ended before anybody asked is still right", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const handle = await orchestrator.startRun(moody, []);
    await drain(place.worker(moody));
    expect(
      await Promise.all([handle.result(), handle.result(), orchestrator.waitForCompletion(handle.id)]),
    ).toMatchObject([1, 1, { status: "completed", output: 1 }]);
  });

  test("metrics count items, attempts and conflicts, and tell times per node and what was measured", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const worker = place.worker(moody);
    const handle = await orchestrator.startRun(moody, ["fail", "fail"]);
    for (let second = 0; second < 3; second += 1) {
      await drain(worker);
      await place.clock.advance(1_000);
    }
    const metrics = await orchestrator.metrics(handle.id);
    expect(metrics).toMatchObject({ total: 2, completed: 2, failed: 0, retried: 2, conflicts: 0, durationMs: 2_000 });
    expect(metrics.nodes).toMatchObject({
      act: { count: 1, waitingMs: { count: 1, min: 0, max: 0 }, runningMs: { count: 1 } },
      last: { count: 1, waitingMs: { min: 0, mean: 0, p95: 0, max: 0 } },
    });
    // Of the attempt that counted, and of no other.
    expect(metrics.custom).toEqual({ attempt: { count: 1, sum: 3, min: 3, mean: 3, p95: 3, max: 3 } });
  });

  test("every failed attempt is listed, of a run or of one item, oldest first, page by page", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const worker = place.worker(moody, { workerId: "ann" });
    const handle = await orchestrator.startRun(moody, ["fail", "fail", "abort"]);
    for (let second = 0; second < 4; second += 1) {
      await drain(worker);
      await place.clock.advance(1_000);
    }
    const errors = await all((page) => orchestrator.errors(handle.id, { ...page, limit: 2 }));
    expect(errors.map(({ attempt, code, outcome, at }) => [attempt, code, outcome, at - START])).toEqual([
      [1, "ERROR", "retried", 0],
      [2, "ERROR", "retried", 1_000],
      [3, "GIVEN_UP", "failedOver", 2_000],
    ]);
    expect(errors[0]).toMatchObject({ workerId: "ann", node: "act", itemId: `${handle.id}.0`, message: "attempt 1" });
    expect(errors[0]?.stack).toContain("moody.ts");
    expect((await orchestrator.errors(handle.id, { itemId: `${handle.id}.1` })).entries).toEqual([]);
    expect(await codeOf(orchestrator.errors(handle.id, { itemId: "other.0" }))).toBe("INVALID_VALUE");
  });

  test("callbacks that throw or reject change nothing, and are told everything", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const calls: string[] = [];
    const noisy = (name: string) => (event: object) => {
      calls.push("outcome" in event ? `${name} ${(event as ItemOutcome).outcome}` : name);
      if (calls.length % 2 === 0) throw new Error("a callback that throws");
      return Promise.reject(new Error("a callback that rejects"));
    };
    const callbacks: WorkerCallbacks = {
      onStarted: noisy("started"),
      onItemStarted: noisy("item"),
      onItemProcessed: noisy("processed"),
      onRunCompleted: noisy("completed"),
      onError: noisy("error"),
      onStopped: noisy("stopped"),
      onItemHeartbeat: noisy("heartbeat"),
    };
    const worker = place.worker(moody, { callbacks });
    const handle = await orchestrator.startRun(moody, ["fail"]);
    await drain(worker);
    await place.clock.advance(1_000);
    await drain(worker);
    await worker.stop();
    expect(await handle.result()).toBe(2);
    expect(calls).toEqual([
      ...["started", "item", "processed retried", "error", "item", "processed completed"],
      ...["item", "processed completed", "completed", "stopped"],
    ]);
  });

  test("workers tell how they are, and are dead once they are not heard of", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(moody);
    const worker = place.worker(moody, { workerId: "ann", concurrency: 3 });
    await worker.runOnce();
    const ann = async () => (await orchestrator.listWorkerHealth()).find(({ workerId }) => workerId === "ann");
    expect(await ann()).toMatchObject({
      status: "idle",
      liveness: "alive",
      items: [],
      workflows: ["moody@1.0"],
      startedAt: START,
    });
    expect(worker.health()).toMatchObject({ workerId: "ann", status: "idle", versions: ["moody@1.0"], concurrency: 3 });
    await worker.stop();
    expect(await ann()).toMatchObject({ status: "stopped", liveness: "dead" });
    expect(await orchestrator.checkWorkerLiveness(["ann", "nobody"])).toMatchObject([
      { liveness: "dead" },
      { liveness: "dead" },
    ]);
  });
});
