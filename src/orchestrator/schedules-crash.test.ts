import { expect, test } from "vitest";
import { instantOf, reports, ScheduleBench, START } from "../../test/support/schedule-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";

const MINUTE = 60_000;
const SELDOM = { pollInterval: "12h" } as const;
const minutely = { id: "minutely", workflow: reports, input: { kind: "minutely" }, cron: "* * * * *" } as const;

/** What a keeper does at its store, in the order in which it does it. */
type Step = "list" | "now" | "put" | "startRuns" | "control" | "definitions";

/** A store at which a process vanishes: from the n-th call on nothing is answered; the n-th may have happened. */
function vanishingAt(
  inner: BackendOperations,
  nth: number,
  happens: boolean,
): { operations: BackendOperations; steps: Step[] } {
  const steps: Step[] = [];
  const through = <P extends readonly unknown[], R>(step: Step, call: (...given: P) => Promise<R>) => {
    return async (...given: P): Promise<R> => {
      steps.push(step);
      if (steps.length < nth) return await call(...given);
      if (steps.length === nth && happens) await call(...given);
      return await new Promise<never>(() => undefined);
    };
  };
  const { documents, read } = inner;
  const operations: BackendOperations = {
    ...inner,
    now: through("now", inner.now),
    startRuns: through("startRuns", inner.startRuns),
    control: through("control", inner.control),
    documents: { ...documents, list: through("list", documents.list), put: through("put", documents.put) },
    read: { ...read, definitions: through("definitions", read.definitions) },
  };
  return { operations, steps };
}

test.each(["allow", "skip", "queue", "cancelRunning"] as const)(
  "whichever step a keeper vanishes at, each instant starts one run under %s",
  async (overlap) => {
    const vanishedAt = new Set<Step>();
    for (let nth = 1; nth <= 60; nth += 1) {
      for (const happens of [false, true]) {
        const bench = new ScheduleBench();
        const { schedules } = bench.orchestrator();
        await schedules.create({ ...minutely, overlap, endAt: START + 4 * MINUTE });
        const vanishing = vanishingAt(bench.operations(), nth, happens);
        bench.orchestrator({ operations: vanishing.operations }).schedules.keep(SELDOM);
        await bench.clock.advance(2 * MINUTE + 30_000);
        if (overlap !== "cancelRunning") await bench.finishAll();
        const survivor = bench.orchestrator().schedules.keep(SELDOM);
        for (let rest = 0; rest < 10; rest += 1) {
          await bench.clock.advance(20_000);
          if (overlap === "queue") await bench.finishAll();
        }
        await survivor.stop();
        vanishedAt.add(vanishing.steps[nth - 1] ?? "list");
        const where = `call ${nth}${happens ? ", which happened" : ""}`;
        const instants = await bench.instants();
        expect(new Set(instants).size, where).toBe(instants.length);
        const info = await schedules.get("minutely");
        const { started = 0, skipped = 0, missed = 0, failed = 0 } = info?.counts ?? {};
        expect([instants.length, started + skipped, missed, failed], where).toEqual([started, 4, 0, 0]);
        expect(info?.status, where).toBe("finished");
        if (overlap === "allow" || overlap === "queue") expect(started, where).toBe(4);
        const newest = (await bench.runs()).at(-1);
        if (overlap === "cancelRunning") {
          expect([newest && instantOf(newest), newest?.status], where).toEqual(["05-04 08:04:00", "running"]);
        }
      }
    }
    const steps: Step[] = ["list", "now", "put", "startRuns", "definitions"];
    expect([...vanishedAt]).toEqual(
      expect.arrayContaining(overlap === "cancelRunning" ? [...steps, "control"] : steps),
    );
  },
);

test("a decision that nobody carried on is carried on within seconds, though the next instant is far", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...minutely, cron: "0 9 * * *" });
  const { operations, steps } = vanishingAt(bench.operations(), Number.POSITIVE_INFINITY, false);
  const inner = operations.startRuns;
  const lost = {
    ...operations,
    startRuns: (starts: Parameters<typeof inner>[0]) => inner(starts).then(() => new Promise<never>(() => undefined)),
  };
  bench.orchestrator({ operations: lost }).schedules.keep(SELDOM);
  await bench.clock.advance(60 * MINUTE);
  expect(steps).toContain("startRuns");
  expect((await schedules.get("minutely"))?.counts.started).toBe(0);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(6_000);
  expect((await schedules.get("minutely"))?.counts).toMatchObject({ started: 1 });
  expect(await bench.runs()).toHaveLength(1);
});

test("a keeper that was frozen after its decision neither starts nor cancels anything when it comes back", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...minutely, overlap: "cancelRunning" });
  const inner = bench.operations();
  let thaw: () => void = () => undefined;
  const frozen = new Promise<void>((resolve) => {
    thaw = resolve;
  });
  let isFirst = true;
  const operations: BackendOperations = {
    ...inner,
    async startRuns(starts) {
      if (isFirst) {
        isFirst = false;
        await frozen;
      }
      return await inner.startRuns(starts);
    },
  };
  const sleeper = bench.orchestrator({ operations }).schedules.keep(SELDOM);
  await bench.clock.advance(MINUTE);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(4 * MINUTE);
  const before = (await bench.runs()).map(({ id, status }) => [id, status]);
  thaw();
  await sleeper.stop();
  expect((await bench.runs()).map(({ id, status }) => [id, status])).toEqual(before);
  expect(before.at(-1)?.[1]).toBe("running");
  expect(before).toHaveLength(5);
  expect((await schedules.get("minutely"))?.counts.started).toBe(5);
});

test("a store that fails for a while makes nothing fire twice, and what was due fires when it is back", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...minutely, overlap: "allow" });
  const inner = bench.operations();
  let isDown = false;
  const through = <P extends readonly unknown[], R>(call: (...given: P) => Promise<R>) => {
    return async (...given: P): Promise<R> => {
      if (isDown) throw new MillraceError("BACKEND_UNAVAILABLE", "nobody answers");
      return await call(...given);
    };
  };
  const { documents } = inner;
  const operations: BackendOperations = {
    ...inner,
    now: through(inner.now),
    startRuns: through(inner.startRuns),
    documents: { ...documents, list: through(documents.list), put: through(documents.put) },
  };
  const keepers = Array.from({ length: 3 }, () => bench.orchestrator({ operations }).schedules.keep());
  for (let round = 0; round < 6; round += 1) {
    await bench.clock.advance(47_000);
    isDown = !isDown;
  }
  isDown = false;
  await bench.clock.advance(45_000);
  for (const keeper of keepers) await keeper.stop();
  const passed = Math.floor((bench.clock.now() - START) / MINUTE);
  expect(await bench.instants()).toHaveLength(passed);
  expect((await schedules.get("minutely"))?.counts).toEqual({ started: passed, skipped: 0, missed: 0, failed: 0 });
});
