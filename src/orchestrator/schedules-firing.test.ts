import { expect, test, vi } from "vitest";
import { reports, ScheduleBench, START } from "../../test/support/schedule-bench.ts";
import type { SchedulesKeeper } from "./schedules.ts";

const MINUTE = 60_000;
/** Keepers wake when something is due, and otherwise let a test go on quickly. */
const SELDOM = { pollInterval: "12h" } as const;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const daily = { id: "daily", workflow: reports, input: { kind: "daily" } } as const;

async function stopAll(keepers: readonly SchedulesKeeper[]): Promise<void> {
  await Promise.all(keepers.map((keeper) => keeper.stop()));
}

test("a schedule fires at its instants, and its runs bear its input, tags and priority", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...daily, cron: "0 9 * * *", overlap: "allow", tags: { team: "billing" }, priority: 3 });
  await using keeper = schedules.keep(SELDOM);
  await bench.clock.advance(3 * DAY);
  expect(await bench.instants()).toEqual(["05-04 09:00:00", "05-05 09:00:00", "05-06 09:00:00"]);
  const [first] = await bench.runs();
  expect(first).toMatchObject({
    workflow: "reports",
    tags: { team: "billing", schedule: "daily", "scheduled-for": "2026-05-04T09:00:00.000Z" },
    priority: 3,
    idempotencyKey: "schedule/daily/2026-05-04T09:00:00.000Z",
    createdAt: START + HOUR,
  });
  expect(new TextDecoder().decode(first?.input)).toBe('{"kind":"daily"}');
  const info = await schedules.get("daily");
  expect(info).toMatchObject({ status: "active", nextAt: START + 3 * DAY + HOUR, counts: { started: 3 } });
  expect(info?.firings[2]).toEqual({
    kind: "started",
    instant: START + HOUR,
    at: START + HOUR,
    runId: first?.id,
    triggered: false,
  });
  await keeper.stop();
});

test("of fifty orchestrators that keep one schedule, each instant starts one run", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...daily, id: "often", cron: "*/20 * * * * *", overlap: "allow" });
  const keepers = Array.from({ length: 50 }, () => bench.orchestrator().schedules.keep());
  await bench.clock.advance(10 * MINUTE + 1_000);
  await stopAll(keepers);
  const instants = await bench.instants();
  expect(instants).toHaveLength(30);
  expect(new Set(instants).size).toBe(30);
  const info = await schedules.get("often");
  expect(info).toMatchObject({ counts: { started: 30, skipped: 0, missed: 0, failed: 0 }, failure: undefined });
  expect(info?.firings.map(({ at, instant }) => at - instant)).toEqual(Array.from({ length: 20 }, () => 0));
});

test("many schedules that are due at the same instant fire at it, whoever comes first", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  for (let at = 0; at < 150; at += 1) await schedules.create({ ...daily, id: `daily-${at}`, cron: "0 9 * * *" });
  const keepers = Array.from({ length: 3 }, () => bench.orchestrator().schedules.keep());
  await bench.clock.advance(2 * HOUR);
  await stopAll(keepers);
  const runs = await bench.runs();
  expect(new Set(runs.map(({ tags }) => tags.schedule)).size).toBe(150);
  expect(runs).toHaveLength(150);
  expect(runs.every(({ createdAt }) => createdAt === START + HOUR)).toBe(true);
});

test("an interval counts from when the schedule was made, and an instant fires once", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await bench.clock.advance(17_000);
  await schedules.create({ ...daily, id: "every", every: "90s", overlap: "allow" });
  await schedules.create({ ...daily, id: "once", at: "2026-05-04T08:02:00Z" });
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(4 * MINUTE);
  expect(await bench.instants()).toEqual(["05-04 08:01:47", "05-04 08:02:00", "05-04 08:03:17"]);
  expect(await schedules.get("once")).toMatchObject({ status: "finished", nextAt: undefined, counts: { started: 1 } });
});

test("instants before a beginning and after an end do not fire", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  const bounds = { startAfter: "2026-05-04T08:10:00Z", endAt: "2026-05-04T08:30:00Z" };
  await schedules.create({ ...daily, cron: "*/10 * * * *", overlap: "allow", ...bounds });
  await schedules.create({ ...daily, id: "every", every: "7m", overlap: "allow", ...bounds });
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(DAY);
  expect(await bench.instants()).toEqual(["05-04 08:17:00", "05-04 08:20:00", "05-04 08:24:00", "05-04 08:30:00"]);
  expect((await schedules.get("daily"))?.status).toBe("finished");
});

test("jitter moves each instant by a time of its own, the same for everybody, and does not rename it", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...daily, cron: "0 * * * *", jitter: "30m", overlap: "allow" });
  const keepers = Array.from({ length: 5 }, () => bench.orchestrator().schedules.keep());
  await bench.clock.advance(5.5 * HOUR);
  await stopAll(keepers);
  const late = (await bench.runs()).map(({ createdAt, tags }) => createdAt - Date.parse(tags["scheduled-for"] ?? ""));
  expect(late).toHaveLength(5);
  expect(late.every((ms) => ms >= 0 && ms < 30 * MINUTE)).toBe(true);
  expect(new Set(late).size).toBe(5);
  expect((await bench.instants()).every((instant) => instant.endsWith(":00:00"))).toBe(true);
});

test("a schedule that is made while keepers sleep fires in time", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await using _keeper = bench.orchestrator().schedules.keep();
  await bench.clock.advance(10 * MINUTE);
  await schedules.create({ ...daily, id: "soon", every: "3s", overlap: "allow" });
  await bench.clock.advance(10_000);
  expect((await schedules.get("soon"))?.firings.map(({ at, instant }) => at - instant)).toEqual([0, 0, 0]);
});

test("a keeper with nothing to do asks the store no more than about once a second", async () => {
  const bench = new ScheduleBench();
  const operations = bench.operations();
  const list = vi.spyOn(operations.documents, "list");
  const now = vi.spyOn(operations, "now");
  const { schedules } = bench.orchestrator({ operations });
  await schedules.create({ ...daily, cron: "0 0 1 1 *" });
  now.mockClear();
  await using _keeper = schedules.keep();
  await bench.clock.advance(1_000_000);
  expect(list.mock.calls.length + now.mock.calls.length).toBeLessThan(1_050);
  expect(list.mock.calls.every(([, page]) => page.limit === 1)).toBe(true);
});

test("a day without anybody catches up what the window allows, and tells what was missed", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...daily, id: "window", cron: "0 * * * *", overlap: "allow", catchUp: "6h" });
  await schedules.create({ ...daily, id: "default", cron: "*/15 * * * *", overlap: "allow" });
  await schedules.create({ ...daily, id: "none", cron: "30 * * * *", overlap: "allow", catchUp: 0 });
  await schedules.create({ ...daily, id: "last", cron: "0 3 * * *", overlap: "allow", catchUp: "last" });
  await schedules.create({ ...daily, id: "last-hourly", cron: "0 * * * *", overlap: "allow", catchUp: "last" });
  await bench.clock.advance(DAY + 10_000);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(1_000);
  const byId = async (id: string) =>
    (await bench.runs())
      .filter(({ tags }) => tags.schedule === id)
      .map(({ tags }) => tags["scheduled-for"]?.slice(5, 16));
  expect(await byId("window")).toEqual([
    "05-05T03:00",
    "05-05T04:00",
    "05-05T05:00",
    "05-05T06:00",
    "05-05T07:00",
    "05-05T08:00",
  ]);
  expect(await byId("default")).toEqual(["05-05T07:15", "05-05T07:30", "05-05T07:45", "05-05T08:00"]);
  expect(await byId("none")).toEqual([]);
  expect(await byId("last")).toEqual(["05-05T03:00"]);
  expect(await byId("last-hourly")).toEqual(["05-05T08:00"]);
  expect((await schedules.get("window"))?.counts).toMatchObject({ started: 6, missed: 18 });
  expect((await schedules.get("window"))?.firings.at(-1)).toEqual({
    kind: "missed",
    instant: START + HOUR,
    at: START + DAY + 10_000,
    count: 18,
  });
  expect((await schedules.get("none"))?.counts).toMatchObject({ started: 0, missed: 24 });
  expect((await schedules.get("last-hourly"))?.counts).toMatchObject({ started: 1, missed: 23 });
});

test("what is caught up goes on beyond what one decision is about", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...daily, every: "1m", overlap: "allow", catchUp: "1d" });
  await bench.clock.advance(6 * HOUR);
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(1_000);
  expect(await bench.runs()).toHaveLength(360);
  expect(await schedules.get("daily")).toMatchObject({ counts: { started: 360, missed: 0 } });
});

test("years without anybody cost one decision, and a schedule goes on", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await schedules.create({ ...daily, cron: "* * * * * *", overlap: "allow" });
  await schedules.create({ ...daily, id: "every", every: "1s", overlap: "allow", catchUp: "last" });
  await bench.clock.advance(3 * 365 * DAY);
  const keeper = schedules.keep(SELDOM);
  await bench.clock.advance(0);
  await keeper.stop();
  const cron = await schedules.get("daily");
  expect(cron?.counts.missed).toBe(1_000);
  expect(cron?.counts.started).toBeGreaterThan(3_500);
  expect((await schedules.get("every"))?.counts).toEqual({
    started: 61,
    skipped: 0,
    missed: 3 * 365 * 86_400 - 61,
    failed: 0,
  });
});

test("clocks that are put forward and back fire a daily time once a day", async () => {
  const bench = new ScheduleBench();
  const { schedules } = bench.orchestrator();
  await bench.clock.advance(Date.parse("2026-10-23T00:00:00Z") - START);
  await schedules.create({ ...daily, cron: "30 2 * * *", timezone: "Europe/Berlin", overlap: "allow" });
  await schedules.create({ ...daily, id: "hourly", cron: "30 * * * *", timezone: "Europe/Berlin", overlap: "allow" });
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(3 * DAY);
  const runs = await bench.runs();
  const of = (id: string) => runs.filter(({ tags }) => tags.schedule === id).map(({ tags }) => tags["scheduled-for"]);
  expect(of("daily")).toEqual(["2026-10-23T00:30:00.000Z", "2026-10-24T00:30:00.000Z", "2026-10-25T00:30:00.000Z"]);
  expect(of("hourly")).toHaveLength(72);
});
