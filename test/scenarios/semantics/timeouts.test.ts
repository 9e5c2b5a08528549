import { describe, expect, test } from "vitest";
import { next, node, unchecked, workflow } from "../../../src/index.ts";
import { gate } from "../../support/gate.ts";
import { all } from "../harness/run-invariants.ts";
import { until } from "../harness/until.ts";
import { codeOf, drain, PLACES } from "./place.ts";

/** A node that is stuck until its gate is opened, with what it saw of its signal. */
function stuck(
  options: { readonly timeout?: "90s"; readonly deadline?: "90s" | "10s"; readonly attempts?: number } = {},
) {
  const door = gate();
  const signals: AbortSignal[] = [];
  const { timeout, deadline, attempts = 1 } = options;
  const flow = workflow({
    name: "stuck",
    version: "1",
    nodes: {
      wait: node({
        input: unchecked<number>(),
        retry: { maxAttempts: attempts, initialBackoff: "4s", strategy: "fixed" },
        timeout,
        deadline,
        async run({ input, signal }) {
          signals.push(signal);
          door.begin();
          await door.opened;
          return next(input);
        },
      }),
      late: node({
        input: unchecked<number>(),
        run: ({ input, error }) => next(`${input} ${error?.code} ${error?.message}`),
      }),
    },
    start: "wait",
    edges: { wait: { to: [], onTimeout: "late" }, late: [] },
  });
  return { flow, door, signals };
}

describe.each(PLACES)("on $name", ({ open }) => {
  test.each([
    ["its own timeout", { timeout: "90s" } as const, 90_000, "TIMEOUT", "timeout of 1m 30s"],
    ["an hour, where it names none", {}, 3_600_000, "TIMEOUT", "timeout of 1h"],
    ["its deadline, where that is sooner", { deadline: "90s" } as const, 90_000, "DEADLINE", "deadline of 1m 30s"],
  ])(
    "an attempt ends at %s: its signal is aborted, and what it still does has no effect",
    async (_, options, ms, code, what) => {
      const place = await open();
      const { flow, door, signals } = stuck(options);
      const orchestrator = place.orchestrator(flow);
      const worker = place.worker(flow);
      const { id } = await orchestrator.startRun(flow, 5);
      const attempt = worker.runOnce();
      await door.begun;
      await place.clock.advance(ms - 1);
      expect(signals[0]?.aborted).toBe(false);
      await place.clock.advance(1);
      expect(signals[0]?.aborted).toBe(true);
      expect(signals[0]?.reason).toMatchObject({ code });
      expect(await attempt).toMatchObject({ kind: "failed", failure: { code } });
      door.open();
      expect(await drain(worker)).toEqual(["late completed"]);
      expect((await orchestrator.getRun(id))?.output).toBe(`5 ${code} node "wait" did not finish within its ${what}`);
    },
  );

  test("a timeout counts for one attempt, and is retried by default", async () => {
    const place = await open();
    const { flow, door, signals } = stuck({ timeout: "90s", attempts: 3 });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 5);
    const kinds: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const attempt = worker.runOnce();
      await door.begun;
      while (signals.length <= round) await place.clock.advance(0);
      await place.clock.advance(90_000);
      kinds.push((await attempt).kind);
      await place.clock.advance(4_000);
    }
    expect(kinds).toEqual(["retried", "retried", "failed"]);
    expect((await all((page) => orchestrator.errors(id, page))).map(({ code }) => code)).toEqual([
      "TIMEOUT",
      "TIMEOUT",
      "TIMEOUT",
    ]);
    expect(await drain(worker)).toEqual(["late completed"]);
  });

  test("a deadline counts over all attempts, back-off included, and then the body is not run", async () => {
    const place = await open();
    let calls = 0;
    const flow = workflow({
      name: "deadline",
      version: "1",
      nodes: {
        fail: node({
          input: unchecked<null>(),
          retry: { maxAttempts: 10, initialBackoff: "4s", strategy: "fixed" },
          deadline: "10s",
          run() {
            calls += 1;
            throw new Error(`call ${calls}`);
          },
        }),
      },
      start: "fail",
      edges: { fail: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, null);
    const kinds: (readonly string[])[] = [];
    for (let second = 0; second <= 10; second += 1) {
      kinds.push(await drain(worker));
      await place.clock.advance(1_000);
    }
    expect(kinds.flat()).toEqual(["fail retried", "fail retried", "fail retried", "fail failed"]);
    expect(kinds[10]).toEqual(["fail failed"]);
    expect(calls).toBe(3);
    expect(await orchestrator.getRun(id)).toMatchObject({ failure: { code: "DEADLINE", node: "fail", attempt: 4 } });
  });

  test("a timeout is durable: whoever claims next commits the failure without running the body", async () => {
    const place = await open();
    const { flow, signals } = stuck({ timeout: "90s" });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 5);
    // Somebody takes it, keeps the lease alive, and is never heard of with a result.
    const lost = await place.backend.queue.dequeue({ lease: "1h" });
    expect(lost?.reason).toBe("ready");
    await place.clock.advance(89_999);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    await place.clock.advance(1);
    expect(await drain(worker)).toEqual(["wait failed", "late completed"]);
    expect(signals).toEqual([]);
    expect((await orchestrator.getRun(id))?.output).toContain("TIMEOUT");
    expect(await codeOf(lost?.complete(6) ?? Promise.resolve())).toMatch(/STALE_LEASE|RUN_CLOSED/);
  });

  test("a lease that is not renewed runs out; three takeovers in a row fail the item with STALLED", async () => {
    const place = await open();
    const { flow, signals } = stuck();
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 5);
    for (let round = 1; round <= 3; round += 1) {
      const lost = await place.backend.queue.dequeue({ lease: "30s" });
      expect([round, lost?.attempt, lost?.reason]).toEqual([round, 1, "ready"]);
      expect(await worker.runOnce()).toEqual({ kind: "idle" });
      await place.clock.advance(30_000);
    }
    expect(await worker.runOnce()).toMatchObject({ kind: "failed", failure: { code: "STALLED" } });
    expect(signals).toEqual([]);
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "failed", failure: { code: "STALLED", attempt: 1 } });
    const outcomes = (await all((page) => orchestrator.errors(id, page))).map(
      ({ outcome, code }) => `${code} ${outcome}`,
    );
    expect(outcomes).toEqual(["STALLED stalled", "STALLED stalled", "STALLED stalled", "STALLED failed"]);
  });

  test("a run's timeout counts from its start, whatever its items wait for, and a new one lets it go on", async () => {
    const place = await open();
    const flow = workflow({
      name: "short-run",
      version: "1",
      timeout: "10s",
      nodes: {
        first: node({ input: unchecked<number>(), run: ({ input }) => next(input, { delay: "1m" }) }),
        last: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
      },
      start: "first",
      edges: { first: "last", last: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 4);
    await drain(worker);
    await place.clock.advance(9_999);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    expect(await orchestrator.status(id)).toBe("running");
    await place.clock.advance(1);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    expect(await orchestrator.getRun(id)).toMatchObject({
      status: "failed",
      failure: { code: "TIMEOUT" },
      items: { open: 1 },
    });
    expect((await orchestrator.explain(id)).sentence).toContain("resume it with a new timeout");
    expect(await codeOf(orchestrator.resume(id))).toBe("ILLEGAL_TRANSITION");
    expect(await codeOf(orchestrator.resume(id, { timeout: 0 }))).toMatch(/ILLEGAL_TRANSITION|INVALID_VALUE/);
    await orchestrator.resume(id, { timeout: "2m" });
    expect(await drain(worker)).toEqual([]);
    await place.clock.advance(50_000);
    expect(await drain(worker)).toEqual(["last completed"]);
    expect((await orchestrator.getRun(id))?.output).toBe(4);
  });

  test("a run's timeout that passes while it is paused fires at once when it is resumed", async () => {
    const place = await open();
    const flow = workflow({
      name: "paused-run",
      version: "1",
      timeout: "10s",
      nodes: { only: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
      start: "only",
      edges: { only: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 4);
    await orchestrator.pause(id);
    await place.clock.advance(11_000);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    expect(await orchestrator.status(id)).toBe("paused");
    await orchestrator.resume(id);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "failed", failure: { code: "TIMEOUT" } });

    const other = await orchestrator.startRun(flow, 5);
    await orchestrator.pause(other.id);
    await place.clock.advance(11_000);
    await orchestrator.resume(other.id, { timeout: "1m" });
    expect(await drain(worker)).toEqual(["only completed"]);
  });

  test("an attempt in flight learns that its run has timed out, and cannot commit", async () => {
    const place = await open();
    const door = gate();
    const signals: AbortSignal[] = [];
    const flow = workflow({
      name: "timed-out-in-flight",
      version: "1",
      timeout: "10s",
      nodes: {
        wait: node({
          input: unchecked<number>(),
          async run({ input, signal }) {
            signals.push(signal);
            door.begin();
            await door.opened;
            return next(input);
          },
        }),
      },
      start: "wait",
      edges: { wait: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 4);
    const attempt = worker.runOnce();
    await door.begun;
    // Within the heartbeat that follows: a third of the lease.
    await place.clock.advance(20_000);
    await until("its run has failed", async () => (await orchestrator.status(id)) === "failed");
    await until("the attempt is told", async () => {
      await place.clock.advance(1_000);
      return signals[0]?.aborted;
    });
    expect(signals[0]?.reason).toMatchObject({ code: "RUN_CLOSED" });
    door.open();
    await attempt;
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "failed", outputs: 0, failure: { code: "TIMEOUT" } });
  });
});
