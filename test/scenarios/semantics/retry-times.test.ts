import { describe, expect, test } from "vitest";
import {
  type DistributedOrchestrator,
  type DistributedWorker,
  next,
  node,
  RetryAfterError,
  type RetryPolicy,
  unchecked,
  workflow,
} from "../../../src/index.ts";
import { all } from "../harness/run-invariants.ts";
import { drain, PLACES, type Place } from "./place.ts";

/** Always fails; a number as its input is a delay that it asks for itself. */
function failing(retry?: RetryPolicy | false) {
  return workflow({
    name: "failing",
    version: "1",
    nodes: {
      fail: node({
        input: unchecked<number | string>(),
        retry,
        run({ input }) {
          if (typeof input === "number") throw new RetryAfterError("later", input);
          if (input === "at noon") throw new RetryAfterError("at an instant", new Date(1_700_000_090_000));
          throw new Error("always");
        },
      }),
    },
    start: "fail",
    edges: { fail: [] },
  });
}

/** Lets the only item of a run fail for good; the back-off before each further attempt. */
async function backOffs(
  place: Place,
  orchestrator: DistributedOrchestrator,
  worker: DistributedWorker,
  id: string,
): Promise<readonly number[]> {
  const delays: number[] = [];
  for (;;) {
    const result = await worker.runOnce();
    if (result.kind !== "retried") {
      expect(result.kind).toBe("failed");
      return delays;
    }
    const item = await orchestrator.getWorkItem(result.itemId);
    expect(item.status).toBe("waiting_retry");
    const delay = item.readyAt - place.clock.now();
    delays.push(delay);
    if (delay === 0) continue;
    await place.clock.advance(delay - 1);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    const told = await orchestrator.explain(id);
    expect(told.items[0]?.sentence).toContain("in 1ms");
    await place.clock.advance(1);
  }
}

const POLICIES: readonly (readonly [string, RetryPolicy | undefined, number | string, readonly number[]])[] = [
  ["what workers do by default: five attempts, doubling from one second", undefined, "", [1_000, 2_000, 4_000, 8_000]],
  [
    "the default back-off, capped at ten seconds",
    { maxAttempts: 8 },
    "",
    [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000],
  ],
  ["fixed", { maxAttempts: 4, strategy: "fixed", initialBackoff: "3s" }, "", [3_000, 3_000, 3_000]],
  [
    "linear, capped",
    { maxAttempts: 5, strategy: "linear", initialBackoff: "1.5s", maxBackoff: "4s" },
    "",
    [1_500, 3_000, 4_000, 4_000],
  ],
  ["exponential by three", { maxAttempts: 4, initialBackoff: 10, factor: 3 }, "", [10, 30, 90]],
  ["full jitter, by chance of a half", { maxAttempts: 3, initialBackoff: 1_000, jitter: "full" }, "", [500, 1_000]],
  [
    "fixed jitter, by chance of a half",
    { maxAttempts: 3, initialBackoff: 1_000, jitter: { fixed: 200 } },
    "",
    [1_100, 2_100],
  ],
  ["jitter after the cap", { maxAttempts: 3, initialBackoff: "9s", jitter: { fixed: "4s" } }, "", [11_000, 12_000]],
  ["no back-off", { maxAttempts: 4, initialBackoff: 0 }, "", [0, 0, 0]],
  ["a day, beyond the default cap", { maxAttempts: 2, initialBackoff: "1d", strategy: "fixed" }, "", [86_400_000]],
  ["what the error asks for, whatever the cap", { maxAttempts: 3 }, 3_600_000, [3_600_000, 3_600_000]],
  ["the instant that the error names", { maxAttempts: 2 }, "at noon", [90_000]],
  ["what the error asks for, a month", { maxAttempts: 2 }, 2_592_000_000, [2_592_000_000]],
];

/** Time passes by the month here, and with it one renewal of the lease or none. */
const patient = { lease: "60d" } as const;

describe.each(PLACES)("on $name", ({ open }) => {
  test.each(POLICIES)("attempts are made again after %s", async (_, retry, input, expected) => {
    const place = await open();
    const flow = failing(retry);
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow, { ...patient, retry: undefined, random: { next: () => 0.5 } });
    const { id } = await orchestrator.startRun(flow, input);
    expect(await backOffs(place, orchestrator, worker, id)).toEqual(expected);
    const errors = await all((page) => orchestrator.errors(id, page));
    expect(errors.map(({ attempt }) => attempt)).toEqual(
      Array.from({ length: expected.length + 1 }, (_gone, at) => at + 1),
    );
    expect(errors.map(({ outcome }) => outcome)).toEqual([...expected.map(() => "retried"), "failed"]);
    expect(errors.every(({ workerId }) => workerId === worker.workerId)).toBe(true);
    const ats = errors.map(({ at }) => at);
    expect(ats.map((at, index) => at - (ats[index - 1] ?? at)).slice(1)).toEqual(expected);
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "failed", retried: expected.length });
  });

  test("what falls due while a run is paused is done at once when it is resumed", async () => {
    const place = await open();
    const flow = workflow({
      name: "second-attempt",
      version: "1",
      nodes: {
        work: node({
          input: unchecked<null>(),
          retry: { maxAttempts: 2, initialBackoff: "5s" },
          run({ attempt }) {
            if (attempt === 1) throw new Error("first");
            return next("second", { delay: "1h" });
          },
        }),
        last: node({ input: unchecked<string>(), run: ({ input }) => next(input) }),
      },
      start: "work",
      edges: { work: "last", last: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, null);
    expect(await drain(worker)).toEqual(["work retried"]);
    await orchestrator.pause(id);
    await place.clock.advance(6_000);
    expect(await drain(worker)).toEqual([]);
    await orchestrator.resume(id);
    expect(await drain(worker)).toEqual(["work progressed"]);
    await orchestrator.pause(id);
    await place.clock.advance(3_600_000);
    expect(await drain(worker)).toEqual([]);
    await orchestrator.resume(id);
    expect(await drain(worker)).toEqual(["last completed"]);
  });

  test("a delayed emission is not claimed before its time, however long", async () => {
    const place = await open();
    const flow = workflow({
      name: "delayed",
      version: "1",
      nodes: {
        first: node({ input: unchecked<number>(), run: ({ input }) => next(input, { delay: input }) }),
        last: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
      },
      start: "first",
      edges: { first: "last", last: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow, patient);
    for (const delay of [1, 90_000, 2_147_483_648, 3_000_000_000]) {
      const { id } = await orchestrator.startRun(flow, delay);
      expect(await drain(worker)).toEqual(["first progressed"]);
      await place.clock.advance(delay - 1);
      expect(await drain(worker)).toEqual([]);
      expect((await orchestrator.explain(id)).items[0]?.sentence).toContain("is delayed until");
      await place.clock.advance(1);
      expect(await drain(worker)).toEqual(["last completed"]);
    }
  });

  test("a run that starts later is not claimed before, by delay or by instant, whichever is later", async () => {
    const place = await open();
    const flow = workflow({
      name: "later",
      version: "1",
      nodes: { only: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
      start: "only",
      edges: { only: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const startAt = new Date(place.clock.now() + 5_000);
    await orchestrator.startRun(flow, 1, { delay: "3s" });
    await orchestrator.startRun(flow, 2, { startAt });
    await orchestrator.startRun(flow, 3, { startAt, delay: "7s" });
    await orchestrator.startRun(flow, 4, { startAt: place.clock.now() - 1_000 });
    const done: (readonly string[])[] = [];
    for (let second = 0; second < 8; second += 1) {
      done.push(await drain(worker));
      await place.clock.advance(1_000);
    }
    const one = ["only completed"];
    expect(done).toEqual([one, [], [], one, [], one, [], one]);
  });
});
