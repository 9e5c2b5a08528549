import { expect, test } from "vitest";
import { instantOf, reports, ScheduleBench, START } from "../../test/support/schedule-bench.ts";
import { isTerminalRun } from "../core/status.ts";

const MINUTE = 60_000;
const SELDOM = { pollInterval: "12h" } as const;
const minutely = { id: "minutely", workflow: reports, input: { kind: "minutely" }, cron: "* * * * *" } as const;

test("while a run is open, instants are skipped by default, and the history says for which run", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create(minutely);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(3 * MINUTE);
  expect(await bench.instants()).toEqual(["05-04 08:01:00"]);
  await bench.finishAll();
  await bench.clock.advance(2 * MINUTE);
  expect(await bench.instants()).toEqual(["05-04 08:01:00", "05-04 08:04:00"]);
  const [first] = await bench.runs();
  const info = await schedules.get("minutely");
  expect(info?.counts).toEqual({ started: 2, skipped: 3, missed: 0, failed: 0 });
  expect(info?.firings[3]).toEqual({
    kind: "skipped",
    instant: START + 2 * MINUTE,
    at: START + 2 * MINUTE,
    why: "running",
    runId: first?.id,
  });
});

test("what is caught up under skip starts one run, and the others give way to it", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create(minutely);
  await bench.clock.advance(30 * MINUTE);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(1_000);
  expect(await bench.instants()).toEqual(["05-04 08:01:00"]);
  expect((await schedules.get("minutely"))?.counts).toEqual({ started: 1, skipped: 29, missed: 0, failed: 0 });
});

test("queued instants start one after the other, as soon as the run before has ended", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...minutely, overlap: "queue" });
  const keepers = Array.from({ length: 4 }, () => bench.orchestrator().schedules.keep(SELDOM));
  await bench.clock.advance(4 * MINUTE + 1_000);
  expect(await bench.instants()).toEqual(["05-04 08:01:00"]);
  expect(await schedules.get("minutely")).toMatchObject({ queued: 3, status: "active" });
  await schedules.update("minutely", { endAt: START + 4 * MINUTE });
  for (let open = 2; open <= 4; open += 1) {
    const before = bench.clock.now();
    await bench.finishAll();
    await bench.clock.advance(500);
    const runs = await bench.runs();
    expect(runs).toHaveLength(open);
    expect(runs.at(-1)?.createdAt).toBeLessThanOrEqual(before + 200);
  }
  expect(await bench.instants()).toEqual(["05-04 08:01:00", "05-04 08:02:00", "05-04 08:03:00", "05-04 08:04:00"]);
  for (const keeper of keepers) await keeper.stop();
  expect(await schedules.get("minutely")).toMatchObject({
    queued: 0,
    counts: { started: 4, skipped: 0 },
    status: "finished",
  });
});

test("a queue goes on though nobody hints at the end of a run", async () => {
  const bench = new ScheduleBench();
  const operations = { ...bench.operations(), subscribe: () => () => undefined };
  const { schedules } = bench.orchestrator({ operations });
  await schedules.create({ ...minutely, overlap: "queue", endAt: START + 2 * MINUTE });
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(10 * MINUTE);
  await bench.finishAll();
  await bench.clock.advance(MINUTE);
  expect(await bench.instants()).toEqual(["05-04 08:01:00", "05-04 08:02:00"]);
});

test("the running one is cancelled for a newer instant", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...minutely, overlap: "cancelRunning" });
  const keepers = Array.from({ length: 3 }, () => bench.orchestrator().schedules.keep(SELDOM));
  await bench.clock.advance(3 * MINUTE + 1_000);
  for (const keeper of keepers) await keeper.stop();
  const runs = await bench.runs();
  expect(runs.map((run) => [instantOf(run), run.status])).toEqual([
    ["05-04 08:01:00", "cancelled"],
    ["05-04 08:02:00", "cancelled"],
    ["05-04 08:03:00", "running"],
  ]);
  expect(runs[0]?.failure?.message).toBe("schedule minutely starts a newer run");
});

test("of what is caught up the newest instant alone takes the place of the running one", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...minutely, overlap: "cancelRunning" });
  const first = schedules.keep(SELDOM);
  await bench.clock.advance(MINUTE);
  await first.stop();
  await bench.clock.advance(10 * MINUTE);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(100);
  expect((await bench.runs()).map((run) => [instantOf(run), run.status])).toEqual([
    ["05-04 08:01:00", "cancelled"],
    ["05-04 08:11:00", "running"],
  ]);
  expect((await schedules.get("minutely"))?.counts).toEqual({ started: 2, skipped: 9, missed: 0, failed: 0 });
  expect((await schedules.get("minutely"))?.firings.find(({ kind }) => kind === "skipped")).toMatchObject({
    why: "overtaken",
  });
});

test("a run that was triggered by hand counts for the instants that come after it", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create(minutely);
  await using _keeper = schedules.keep(SELDOM);
  const handle = await schedules.trigger("minutely");
  await bench.clock.advance(2 * MINUTE);
  expect((await bench.runs()).map(({ id }) => id)).toEqual([handle.id]);
  expect((await schedules.get("minutely"))?.counts).toEqual({ started: 1, skipped: 2, missed: 0, failed: 0 });
});

test.each(["skip", "queue", "cancelRunning"] as const)(
  "under %s no two runs are open at once, whoever ends them when",
  async (overlap) => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...minutely, cron: "*/7 * * * * *", overlap });
    const keepers = Array.from({ length: 5 }, () => bench.orchestrator().schedules.keep(SELDOM));
    let most = 0;
    for (let step = 0; step < 120; step += 1) {
      await bench.clock.advance(700 + ((step * 379) % 900));
      const open = (await bench.runs()).filter(({ status }) => !isTerminalRun(status));
      most = Math.max(most, open.length);
      if (step % 3 === 0) await bench.finishAll();
    }
    for (const keeper of keepers) await keeper.stop();
    expect(most).toBe(1);
    const instants = await bench.instants();
    expect(new Set(instants).size).toBe(instants.length);
    const info = await schedules.get("minutely");
    const { started = 0, skipped = 0, missed = 0 } = info?.counts ?? {};
    const passed = Math.floor((bench.clock.now() - START) / MINUTE) * 9;
    expect(started).toBe(instants.length);
    expect(started + skipped + missed + (info?.queued ?? 0)).toBeGreaterThanOrEqual(passed - 1);
  },
);
