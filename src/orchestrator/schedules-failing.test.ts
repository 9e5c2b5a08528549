import { describe, expect, test, vi } from "vitest";
import { reports, ScheduleBench, START } from "../../test/support/schedule-bench.ts";
import { isMillraceError } from "../core/errors.ts";
import { silentLogger } from "../core/ports.ts";

const MINUTE = 60_000;
const SELDOM = { pollInterval: "12h" } as const;
const nightly = { id: "nightly", workflow: reports, input: { kind: "nightly" }, cron: "0 2 * * *" } as const;

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    if (isMillraceError(error)) return error.code;
    throw error;
  }
}

describe("a start that is refused", () => {
  const pinned = { ...nightly, cron: "*/10 * * * *", overlap: "allow" } as const;

  /** A schedule of a workflow whose definition nobody finds for a while. */
  function hidden() {
    const bench = new ScheduleBench();
    const inner = bench.operations();
    let isHidden = false;
    const operations = {
      ...inner,
      read: { ...inner.read, definitions: async () => (isHidden ? [] : await inner.read.definitions()) },
    };
    const logger = { ...silentLogger, warn: vi.fn(), error: vi.fn() };
    const hide = (now: boolean): void => {
      isHidden = now;
    };
    return { bench, hide, logger, orchestrator: bench.orchestrator({ operations, logger }) };
  }

  test("is kept with its count, tried again ever later, and told of once", async () => {
    const { bench, hide, logger, orchestrator } = hidden();
    const { schedules } = orchestrator;
    await schedules.create(pinned);
    hide(true);
    await using _keeper = schedules.keep(SELDOM);
    await bench.clock.advance(10 * MINUTE + 7_500);
    const info = await schedules.get("nightly");
    expect(info?.status).toBe("failing");
    expect(info?.failure).toMatchObject({ code: "UNKNOWN_WORKFLOW", count: 4, instant: START + 10 * MINUTE });
    await bench.clock.advance(40 * MINUTE);
    expect((await schedules.get("nightly"))?.failure?.count).toBeLessThan(20);
    expect(logger.warn).toHaveBeenCalledTimes(1);
    hide(false);
    await bench.clock.advance(5 * MINUTE);
    expect(await bench.instants()).toEqual([
      "05-04 08:10:00",
      "05-04 08:20:00",
      "05-04 08:30:00",
      "05-04 08:40:00",
      "05-04 08:50:00",
    ]);
    expect(await schedules.get("nightly")).toMatchObject({
      status: "active",
      failure: undefined,
      counts: { started: 5, failed: 0 },
    });
  });

  test("is given up when it may not be caught up any more, and later instants are tried all the same", async () => {
    const { bench, hide, orchestrator } = hidden();
    const { schedules } = orchestrator;
    await schedules.create({ ...pinned, catchUp: "30m" });
    hide(true);
    await using _keeper = schedules.keep(SELDOM);
    await bench.clock.advance(125 * MINUTE);
    const failing = await schedules.get("nightly");
    expect(failing?.counts.failed).toBeGreaterThanOrEqual(8);
    expect(failing?.firings[0]).toMatchObject({ kind: "failed", code: "UNKNOWN_WORKFLOW" });
    hide(false);
    await bench.clock.advance(5 * MINUTE);
    const info = await schedules.get("nightly");
    expect(info?.status).toBe("active");
    const { started = 0, failed = 0, missed = 0 } = info?.counts ?? {};
    expect([started >= 3, started + failed + missed]).toEqual([true, 13]);
  });

  test.each(["skip", "queue", "cancelRunning"] as const)("loses no instant under %s", async (overlap) => {
    const { bench, hide, orchestrator } = hidden();
    const { schedules } = orchestrator;
    await schedules.create({ ...pinned, overlap });
    hide(true);
    await using _keeper = schedules.keep(SELDOM);
    await bench.clock.advance(35 * MINUTE);
    hide(false);
    for (let round = 0; round < 20; round += 1) {
      await bench.clock.advance(MINUTE);
      await bench.finishAll();
    }
    const info = await schedules.get("nightly");
    const { started = 0, skipped = 0, failed = 0, missed = 0 } = info?.counts ?? {};
    expect([started > 0, failed, missed, started + skipped]).toEqual([true, 0, 0, 5]);
    const starts = info?.firings.filter(({ kind }) => kind === "started").map(({ instant }) => instant) ?? [];
    expect(starts).toEqual(starts.toSorted((a, b) => b - a));
    const runIds = (await bench.runs()).map(({ id }) => id);
    const gaveWayTo =
      info?.firings.flatMap((firing) =>
        firing.kind === "skipped" && firing.why === "running" ? [firing.runId ?? "nobody"] : [],
      ) ?? [];
    expect(gaveWayTo.filter((runId) => !runIds.includes(runId))).toEqual([]);
  });

  test("is tried again at once when what it was refused for is corrected", async () => {
    const { bench, hide, orchestrator } = hidden();
    const { schedules } = orchestrator;
    await schedules.create(pinned);
    hide(true);
    await using _keeper = schedules.keep();
    await bench.clock.advance(14 * MINUTE);
    hide(false);
    await schedules.update("nightly", { input: { kind: "corrected" } });
    await bench.clock.advance(2_000);
    expect(await bench.instants()).toEqual(["05-04 08:10:00"]);
  });

  test("by hand is told to who triggers, and noted", async () => {
    const { hide, orchestrator } = hidden();
    const { schedules } = orchestrator;
    await schedules.create(nightly);
    hide(true);
    expect(await codeOf(() => schedules.trigger("nightly"))).toBe("UNKNOWN_WORKFLOW");
    expect((await schedules.get("nightly"))?.firings[0]).toMatchObject({ kind: "failed", code: "UNKNOWN_WORKFLOW" });
  });
});

test("schedules that cannot be read are told of, and keep no other from firing", async () => {
  const bench = new ScheduleBench();
  const logger = { ...silentLogger, error: vi.fn() };
  const { schedules } = bench.orchestrator({ logger });
  for (const [key, json] of Object.entries({
    garbage: "{",
    list: "[]",
    newer: '{"format":2,"content":{},"progress":{}}',
    polluted: '{"format":1,"__proto__":{"admin":true},"content":{},"progress":{}}',
  })) {
    await bench.inner.documents.put({ kind: "schedule", key, json, at: START });
  }
  await schedules.create({ ...nightly, cron: "* * * * *" });
  await using _keeper = schedules.keep(SELDOM);
  await bench.clock.advance(2 * MINUTE);
  expect(await bench.instants()).toEqual(["05-04 08:01:00"]);
  expect(logger.error.mock.calls.map(([, data]) => data.schedule).sort()).toEqual([
    "garbage",
    "list",
    "newer",
    "polluted",
  ]);
  expect(await codeOf(() => schedules.get("newer"))).toBe("BACKEND_TOO_NEW");
  expect(await codeOf(() => schedules.get("garbage"))).toBe("BACKEND_CORRUPT");
  expect(await schedules.remove("garbage")).toBe(true);
});
