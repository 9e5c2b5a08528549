import { describe, expect, test } from "vitest";
import { z } from "zod";
import { reports, ScheduleBench, START } from "../../test/support/schedule-bench.ts";
import { isMillraceError } from "../core/errors.ts";
import { node } from "../definition/node.ts";
import { next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { NewSchedule } from "./schedules.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SELDOM = { pollInterval: "12h" } as const;
const nightly = { id: "nightly", workflow: reports, input: { kind: "nightly" }, cron: "0 2 * * *" } as const;

/** What callers without a compiler may say. */
function said(schedule: unknown): NewSchedule {
  return schedule as NewSchedule;
}

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "none";
  } catch (error) {
    if (isMillraceError(error)) return error.code;
    throw error;
  }
}

describe("making a schedule", () => {
  test("gives it as it is kept, with everything that was left out", async () => {
    const { schedules } = new ScheduleBench().orchestrator();
    const made = await schedules.create({ ...nightly, timezone: "Europe/Berlin" });
    expect(made).toEqual({
      ...{ id: "nightly", workflow: "reports", version: undefined, status: "active", input: { kind: "nightly" } },
      ...{ cron: "0 2 * * *", timezone: "Europe/Berlin", everyMs: undefined, at: undefined },
      ...{
        startAfter: undefined,
        endAt: undefined,
        overlap: "skip",
        catchUp: HOUR,
        jitterMs: 0,
        tags: {},
        priority: 0,
      },
      ...{ nextAt: Date.parse("2026-05-05T00:00:00Z"), queued: 0, failure: undefined, firings: [] },
      ...{ counts: { started: 0, skipped: 0, missed: 0, failed: 0 }, createdAt: START, changedAt: START },
    });
    expect(await schedules.get("nightly")).toEqual(made);
    expect(await schedules.get("other")).toBeUndefined();
  });

  test("again with the same content gives the one that is there, also later and in another order", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    const made = await schedules.create({ ...nightly, every: "10m", cron: undefined, tags: { a: "1", b: "2" } });
    await bench.clock.advance(HOUR);
    const again = bench
      .orchestrator()
      .schedules.create({ tags: { b: "2", a: "1" }, ...nightly, every: 600_000, cron: undefined });
    expect(await again).toEqual(made);
  });

  test("with another content is refused, or replaces it and keeps its history where that is asked for", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...nightly, cron: "* * * * *" });
    const keeper = schedules.keep(SELDOM);
    await bench.clock.advance(MINUTE + 1_000);
    await keeper.stop();
    expect(await codeOf(() => schedules.create(nightly))).toBe("SCHEDULE_EXISTS");
    expect(await codeOf(() => schedules.create({ ...nightly, cron: "* * * * *", input: { kind: "else" } }))).toBe(
      "SCHEDULE_EXISTS",
    );
    const replaced = await schedules.create({ ...nightly, onConflict: "replace" });
    expect(replaced).toMatchObject({
      cron: "0 2 * * *",
      counts: { started: 1 },
      nextAt: Date.parse("2026-05-05T02:00:00Z"),
    });
  });

  test("by many at once makes one", async () => {
    const bench = new ScheduleBench();
    const made = await Promise.all(Array.from({ length: 20 }, () => bench.orchestrator().schedules.create(nightly)));
    expect(new Set(made.map(({ changedAt, createdAt }) => `${changedAt} ${createdAt}`)).size).toBe(1);
    expect((await bench.orchestrator().schedules.list()).entries).toHaveLength(1);
  });

  test("that would never fire is refused, with the reason and a hint", async () => {
    const { schedules } = new ScheduleBench().orchestrator();
    const february = schedules.create({ ...nightly, cron: "0 0 30 2 *" });
    await expect(february).rejects.toMatchObject({
      code: "INVALID_SCHEDULE",
      message: 'the pattern "0 0 30 2 *" in UTC never fires',
      hints: [expect.stringContaining("30th of February")],
    });
    const over: readonly Partial<Record<string, unknown>>[] = [
      { cron: "0 0 0 1 1 * 2020" },
      { cron: undefined, at: START - 2 * HOUR },
      { cron: undefined, at: "2026-05-05T00:00:00Z", endAt: "2026-05-04T23:00:00Z" },
      { endAt: START + 1 },
      { cron: undefined, every: "2h", endAt: START + HOUR },
    ];
    for (const one of over) {
      expect([one, await codeOf(() => schedules.create(said({ ...nightly, ...one })))]).toEqual([
        one,
        "INVALID_SCHEDULE",
      ]);
    }
    expect((await schedules.list()).entries).toEqual([]);
  });

  test("of hostile or senseless parts is refused, and leaves nothing", async () => {
    const { schedules } = new ScheduleBench().orchestrator();
    const parts: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
      ...["", "..", "a/b", "a b", "x".repeat(129), "a\0b", "__proto__", "schedule'; DROP TABLE--", 7, null].map(
        (id) => [{ id }, "INVALID_SCHEDULE"] as const,
      ),
      [{ timeZone: "Europe/Berlin" }, "INVALID_SCHEDULE"],
      [{ timezone: "Mars/Phobos" }, "INVALID_SCHEDULE"],
      [{ every: "1h" }, "INVALID_SCHEDULE"],
      [{ cron: undefined }, "INVALID_SCHEDULE"],
      [{ cron: undefined, every: "1h", timezone: "UTC" }, "INVALID_SCHEDULE"],
      [{ cron: 5 }, "INVALID_SCHEDULE"],
      [{ cron: undefined, every: "10ms" }, "INVALID_SCHEDULE"],
      [{ cron: undefined, every: "soon" }, "INVALID_SCHEDULE"],
      [{ cron: undefined, every: Number.NaN }, "INVALID_SCHEDULE"],
      [{ cron: undefined, at: "tomorrow" }, "INVALID_SCHEDULE"],
      [{ cron: undefined, at: "2026-02-30T00:00:00Z" }, "INVALID_SCHEDULE"],
      [{ overlap: "whatever" }, "INVALID_SCHEDULE"],
      [{ catchUp: -1 }, "INVALID_SCHEDULE"],
      [{ catchUp: "first" }, "INVALID_SCHEDULE"],
      [{ jitter: "2h" }, "INVALID_SCHEDULE"],
      [{ cron: undefined, every: "1m", jitter: "1m" }, "INVALID_SCHEDULE"],
      [{ tags: { schedule: "mine" } }, "INVALID_SCHEDULE"],
      [{ tags: { "a/b": "c" } }, "INVALID_VALUE"],
      [{ tags: Object.fromEntries(Array.from({ length: 63 }, (_, at) => [`t${at}`, ""])) }, "INVALID_VALUE"],
      [{ priority: 0.5 }, "INVALID_VALUE"],
      [{ input: undefined }, "INVALID_INPUT"],
      [{ input: { at: new Date() } }, "INVALID_INPUT"],
      [{ input: "x".repeat(1_100_000) }, "PAYLOAD_TOO_LARGE"],
      [{ workflow: "unheard-of" }, "UNKNOWN_WORKFLOW"],
      [{ version: "2" }, "UNKNOWN_WORKFLOW"],
      [{ onConflict: "explode" }, "INVALID_SCHEDULE"],
    ];
    for (const [part, code] of parts) {
      expect([part, await codeOf(() => schedules.create(said({ ...nightly, ...part })))]).toEqual([part, code]);
    }
    expect((await schedules.list()).entries).toEqual([]);
  });

  test("checks the input against the code that is at hand", async () => {
    const count = node({ input: z.object({ n: z.number() }), run: ({ input }) => next(input) });
    const counting = workflow({
      name: "counting",
      version: "1",
      nodes: { count },
      start: "count",
      edges: { count: [] },
    });
    const { schedules } = new ScheduleBench().orchestrator();
    await schedules.create({ id: "fine", workflow: counting, input: { n: 1 }, every: "1h" });
    const given: unknown = { n: "one" };
    const wrong = { id: "wrong", workflow: counting, input: given, every: "1h" } as NewSchedule<typeof counting>;
    expect(await codeOf(() => schedules.create(wrong))).toBe("INVALID_INPUT");
    expect(await codeOf(() => schedules.update("fine", { input: {} }))).toBe("INVALID_INPUT");
    expect(await codeOf(() => schedules.update("fine", { workflow: counting, input: {} }))).toBe("INVALID_INPUT");
  });
});

describe("changing a schedule", () => {
  test("leaves alone what is not named, and its history", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    const made = await schedules.create({
      ...nightly,
      timezone: "Europe/Berlin",
      tags: { team: "a" },
      catchUp: "last",
      jitter: "1s",
    });
    await bench.clock.advance(1_000);
    const changed = await schedules.update("nightly", { input: { kind: "other" }, overlap: "allow" });
    expect(changed).toEqual({ ...made, input: { kind: "other" }, overlap: "allow", changedAt: START + 1_000 });
    const plain = await schedules.update("nightly", {
      timezone: undefined,
      tags: undefined,
      catchUp: undefined,
      jitter: undefined,
    });
    expect(plain).toMatchObject({
      cron: "0 2 * * *",
      timezone: "UTC",
      tags: {},
      catchUp: HOUR,
      jitterMs: 0,
    });
  });

  test("to another time counts from now on", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create(nightly);
    await bench.clock.advance(10 * MINUTE);
    expect(await schedules.update("nightly", { every: "25m" })).toMatchObject({
      ...{ cron: undefined, timezone: undefined, everyMs: 25 * MINUTE, nextAt: START + 35 * MINUTE },
    });
    await bench.clock.advance(MINUTE);
    expect((await schedules.update("nightly", { overlap: "allow" })).nextAt).toBe(START + 35 * MINUTE);
    expect(await schedules.update("nightly", { at: "2026-06-01T00:00:00Z" })).toMatchObject({ everyMs: undefined });
    expect(await schedules.update("nightly", { endAt: START })).toMatchObject({ status: "finished" });
    expect(await codeOf(() => schedules.update("nightly", { cron: "0 0 30 2 *" }))).toBe("INVALID_SCHEDULE");
    expect(await codeOf(() => schedules.update("nothing", { every: "1h" }))).toBe("SCHEDULE_NOT_FOUND");
  });

  test("while it fires loses neither the change nor a firing", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...nightly, cron: "*/5 * * * * *", overlap: "allow" });
    const keepers = Array.from({ length: 5 }, () => bench.orchestrator().schedules.keep(SELDOM));
    for (let step = 1; step <= 60; step += 1) {
      const [updated] = await Promise.all([
        schedules.update("nightly", { priority: step }),
        bench.clock.advance(1_000),
      ]);
      expect(updated.priority).toBe(step);
    }
    await bench.clock.advance(6_000);
    for (const keeper of keepers) await keeper.stop();
    expect((await schedules.get("nightly"))?.priority).toBe(60);
    const instants = await bench.instants();
    expect([instants.length, new Set(instants).size]).toEqual([13, 13]);
    expect((await schedules.get("nightly"))?.counts.started).toBe(13);
  });
});

describe("a paused schedule", () => {
  test("does not fire, and instants that passed meanwhile are no more", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...nightly, cron: "0 * * * *", overlap: "allow", catchUp: "1d" });
    await using _keeper = schedules.keep({ pollInterval: "1m" });
    await bench.clock.advance(HOUR + 1_000);
    expect(await schedules.pause("nightly")).toMatchObject({ status: "paused", nextAt: undefined });
    expect(await schedules.pause("nightly")).toMatchObject({ status: "paused" });
    await bench.clock.advance(5.5 * HOUR);
    expect(await schedules.resume("nightly")).toMatchObject({ status: "active", nextAt: START + 7 * HOUR });
    expect(await schedules.resume("nightly")).toMatchObject({ status: "active" });
    await bench.clock.advance(HOUR + 1_000);
    expect(await bench.instants()).toEqual(["05-04 09:00:00", "05-04 15:00:00"]);
    expect((await schedules.get("nightly"))?.counts).toMatchObject({ started: 2, missed: 0 });
  });

  test("may be made so, and triggered all the same", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...nightly, cron: "* * * * *", paused: true });
    await using _keeper = schedules.keep(SELDOM);
    const handle = await schedules.trigger("nightly");
    await bench.clock.advance(10 * MINUTE);
    expect((await bench.runs()).map(({ id }) => id)).toEqual([handle.id]);
    expect(await schedules.get("nightly")).toMatchObject({ status: "paused", counts: { started: 1, skipped: 0 } });
  });
});

describe("a trigger", () => {
  test("starts a run now, and each call one of its own unless a key says otherwise", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create(nightly);
    const [first, second] = [await schedules.trigger("nightly"), await schedules.trigger("nightly")];
    const keyed = await Promise.all(
      Array.from({ length: 5 }, () =>
        bench.orchestrator().schedules.trigger("nightly", { idempotencyKey: "deploy-7" }),
      ),
    );
    expect(new Set([first.id, second.id, ...keyed.map(({ id }) => id)]).size).toBe(3);
    expect(await first.status()).toBe("running");
    const info = await schedules.get("nightly");
    expect(info?.firings.at(-1)).toEqual({
      kind: "started",
      instant: START,
      at: START,
      runId: first.id,
      triggered: true,
    });
    expect(info?.nextAt).toBe(Date.parse("2026-05-05T02:00:00Z"));
  });

  test("is refused for what is not there, and for a key that is none", async () => {
    const { schedules } = new ScheduleBench().orchestrator();
    expect(await codeOf(() => schedules.trigger("nothing"))).toBe("SCHEDULE_NOT_FOUND");
    await schedules.create(nightly);
    for (const idempotencyKey of ["", "x".repeat(513)]) {
      expect(await codeOf(() => schedules.trigger("nightly", { idempotencyKey }))).toBe("INVALID_VALUE");
    }
  });
});

describe("looking at schedules", () => {
  test("lists them by when something is to be done, page by page", async () => {
    const { schedules } = new ScheduleBench().orchestrator();
    for (const hour of [5, 3, 4]) await schedules.create({ ...nightly, id: `at-${hour}`, cron: `0 ${hour} * * *` });
    await schedules.create({ ...nightly, id: "paused", paused: true });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await schedules.list({ limit: 3, cursor });
      seen.push(...page.entries.map(({ id }) => id));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(["at-3", "at-4", "at-5", "paused"]);
  });

  test("tells the next instants of a schedule, and of times that are only thought of", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...nightly, jitter: "10m" });
    const days = ["05", "06", "07"].map((day) => Date.parse(`2026-05-${day}T02:00:00Z`));
    expect(await schedules.next("nightly", 3)).toEqual(days);
    await schedules.pause("nightly");
    expect(await schedules.next("nightly")).toEqual(days.slice(0, 1));
    expect(await schedules.preview({ cron: "0 2 * * *", endAt: days[1] }, 10)).toEqual(days.slice(0, 2));
    expect(await schedules.preview({ every: "1h" }, 2)).toEqual([START + HOUR, START + 2 * HOUR]);
    expect(await schedules.preview({ every: "1m" }, 5_000)).toHaveLength(1_000);
    expect(await codeOf(() => schedules.preview({ cron: "0 0 30 2 *" }))).toBe("INVALID_SCHEDULE");
    expect(await codeOf(() => schedules.next("nightly", 0))).toBe("INVALID_VALUE");
    expect(await codeOf(() => schedules.next("nothing"))).toBe("SCHEDULE_NOT_FOUND");
  });

  test("removes one for good, and its runs stay", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    await schedules.create({ ...nightly, cron: "* * * * *" });
    await using _keeper = schedules.keep(SELDOM);
    await bench.clock.advance(MINUTE);
    expect([await schedules.remove("nightly"), await schedules.remove("nightly")]).toEqual([true, false]);
    await bench.clock.advance(10 * MINUTE);
    expect(await bench.instants()).toEqual(["05-04 08:01:00"]);
    expect(await schedules.get("nightly")).toBeUndefined();
  });

  test("an instant that has fired does not fire again when its schedule is made anew, with another input", async () => {
    const bench = new ScheduleBench();
    const { schedules } = bench.orchestrator();
    const once = { ...nightly, cron: undefined, at: START + MINUTE } as const;
    await schedules.create(once);
    await using _keeper = schedules.keep({ pollInterval: "1m" });
    await bench.clock.advance(2 * MINUTE);
    await schedules.remove("nightly");
    await schedules.create({ ...once, input: { kind: "other" } });
    await bench.clock.advance(5 * MINUTE);
    const [run] = await bench.runs();
    expect(await bench.runs()).toHaveLength(1);
    const info = await schedules.get("nightly");
    expect(info?.firings).toEqual([expect.objectContaining({ kind: "started", runId: run?.id })]);
  });
});
