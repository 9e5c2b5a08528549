import { describe, expect, test } from "vitest";
import { DistributedOrchestrator, next, node, unchecked, workflow } from "../../../src/index.ts";
import { all } from "../harness/run-invariants.ts";
import { codeOf, drain, PLACES, START } from "./place.ts";

const flow = (name: string, version: string) =>
  workflow({
    name,
    version,
    nodes: {
      only: node({
        input: unchecked<number>(),
        run({ input }) {
          if (input < 0) throw new Error("negative");
          return next(input);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });

const ones = flow("ones", "1.0.0");
const newer = flow("ones", "2.0.0");
const twos = flow("twos", "1.0.0");

describe.each(PLACES)("on $name", ({ open }) => {
  test("runs are listed newest first, by any conditions together", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(ones, newer, twos);
    const worker = place.worker([ones, newer, twos]);
    const start = async (of: typeof ones | typeof twos, input: number, tags: Record<string, string>, key?: string) => {
      await place.clock.advance(1_000);
      const { id } = await orchestrator.startRun(of, input, {
        tags,
        ...(key === undefined ? {} : { idempotencyKey: key }),
      });
      return id;
    };
    const a = await start(ones, 1, { team: "red", env: "prod" }, "order_100%");
    const b = await start(newer, -1, { team: "red" });
    const c = await start(twos, 2, { team: "blue", env: "prod" });
    await drain(worker);
    const d = await start(ones, 3, {}, "order-x");
    const e = await start(twos, 4, { team: "red" });
    await orchestrator.pause(e);
    const f = await start(twos, 5, {});
    await orchestrator.cancel(f);

    const found = async (options: Parameters<DistributedOrchestrator["listRuns"]>[0]) =>
      (await orchestrator.listRuns(options)).entries.map(({ id }) => id);
    expect(await found({})).toEqual([f, e, d, c, b, a]);
    expect(await found({ status: "completed" })).toEqual([c, a]);
    expect(await found({ status: ["failed", "cancelled"] })).toEqual([f, b]);
    expect(await found({ status: [] })).toEqual([]);
    expect(await found({ workflow: "ones" })).toEqual([d, b, a]);
    expect(await found({ workflow: "ones", version: "2.0.0" })).toEqual([b]);
    expect(await found({ workflow: "ONES" })).toEqual([]);
    expect(await found({ tags: { team: "red" } })).toEqual([e, b, a]);
    expect(await found({ tags: { team: "red", env: "prod" } })).toEqual([a]);
    expect(await found({ tags: { team: "re" } })).toEqual([]);
    expect(await found({ since: START + 3_000 })).toEqual([f, e, d, c]);
    expect(await found({ since: new Date(START + 2_000), until: START + 3_000 })).toEqual([c, b]);
    expect(await found({ search: "blue" })).toEqual([c]);
    expect(await found({ search: "order" })).toEqual([d, a]);
    // Wildcards of any store are letters like others.
    expect(await found({ search: "_100%" })).toEqual([a]);
    expect(await found({ search: "order_" })).toEqual([a]);
    expect(await found({ search: "%" })).toEqual([a]);
    expect(await found({ search: "*" })).toEqual([]);
    expect(await found({ search: "x'; DROP TABLE runs; --" })).toEqual([]);
    expect(await found({ search: b })).toEqual([b]);
    expect(await found({ search: "twos", status: "paused" })).toEqual([e]);
  });

  test("pages follow one another without gap or repetition, whatever is started in between", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(ones);
    const ids: string[] = [];
    for (let at = 0; at < 25; at += 1) {
      if (at % 4 === 0) await place.clock.advance(1);
      ids.push((await orchestrator.startRun(ones, at, { id: `run-${String((at * 7) % 25).padStart(2, "0")}` })).id);
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await orchestrator.listRuns({ limit: 4, cursor });
      expect(page.entries.length).toBeLessThanOrEqual(4);
      seen.push(...page.entries.map(({ id }) => id));
      cursor = page.cursor;
      await orchestrator.startRun(ones, 0);
      await place.clock.advance(1);
    } while (cursor !== undefined);
    expect(seen.toSorted()).toEqual(ids.toSorted());
    expect(new Set(seen).size).toBe(25);
  });

  test("a page has at most a thousand entries, and its cursor is good for its own list alone", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(ones);
    await orchestrator.startRuns(
      ones,
      Array.from({ length: 1_005 }, () => ({ input: 1 })),
    );
    const page = await orchestrator.listRuns({ limit: 1_000_000_000 });
    expect(page.entries).toHaveLength(1_000);
    expect((await all((request) => orchestrator.listRuns(request))).length).toBe(1_005);
    const { cursor = "" } = page;
    const runId = page.entries[0]?.id ?? "";
    expect(await codeOf(orchestrator.listWorkItems(runId, { cursor }))).toBe("INVALID_VALUE");
    expect(await codeOf(orchestrator.errors(runId, { cursor }))).toBe("INVALID_VALUE");
    const forged = cursor.slice(0, -1) + (cursor.endsWith("A") ? "B" : "A");
    for (const wrong of [forged, "garbage", "", `${cursor}x`, "9".repeat(100_000)]) {
      expect([wrong.slice(0, 20), await codeOf(orchestrator.listRuns({ cursor: wrong }))]).toEqual([
        wrong.slice(0, 20),
        "INVALID_VALUE",
      ]);
    }
    for (const limit of [0, -1, 1.5, Number.NaN]) {
      expect([limit, await codeOf(orchestrator.listRuns({ limit }))]).toEqual([limit, "INVALID_VALUE"]);
    }
  });

  test("a handle is free until it is used; unknown runs and items are said to be unknown", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(ones);
    const handle = orchestrator.handle(ones, "nowhere");
    expect(await orchestrator.getRun("nowhere")).toBeUndefined();
    expect(await orchestrator.getRun("x'; DROP TABLE runs")).toBeUndefined();
    expect(await codeOf(handle.status())).toBe("RUN_NOT_FOUND");
    expect(await codeOf(handle.result())).toBe("RUN_NOT_FOUND");
    expect(await codeOf(orchestrator.waitForCompletion("nowhere"))).toBe("RUN_NOT_FOUND");
    expect(await codeOf(orchestrator.listWorkItems("nowhere"))).toBe("RUN_NOT_FOUND");
    expect(await codeOf(orchestrator.getWorkItem("nowhere.0"))).toMatch(/_NOT_FOUND$/);
    expect(await codeOf(orchestrator.getWorkItem("no item"))).toBe("INVALID_VALUE");
    expect(await codeOf(orchestrator.startRun("nobody-published-it", 1))).toBe("UNKNOWN_WORKFLOW");
  });

  test("cleaning up takes what ended long enough ago, and nothing that is open", async () => {
    const place = await open();
    const orchestrator = place.orchestrator(ones);
    const worker = place.worker(ones);
    const old = await orchestrator.startRun(ones, 1);
    await drain(worker);
    await place.clock.advance(3_600_000);
    const recent = await orchestrator.startRun(ones, 2);
    await drain(worker);
    const waiting = await orchestrator.startRun(ones, 3);
    await place.clock.advance(1_000);
    expect(await orchestrator.cleanup({ olderThan: "2h" })).toBe(0);
    expect(await orchestrator.cleanup({ olderThan: "30m" })).toBe(1);
    const left = (await orchestrator.listRuns()).entries.map(({ id }) => id);
    expect(left.toSorted()).toEqual([recent.id, waiting.id].toSorted());
    expect(await orchestrator.getRun(old.id)).toBeUndefined();
    expect(await orchestrator.cleanup({ olderThan: 0 })).toBe(1);
    expect(await drain(worker)).toEqual(["only completed"]);
  });

  test("a process with the types alone starts by name what was published last", async () => {
    const place = await open();
    await place.orchestrator(ones).startRun(ones, 1);
    await place.clock.advance(1);
    await place.orchestrator(newer).startRun(newer, 1);
    const bare = new DistributedOrchestrator({ backend: await place.open() });
    const handle = await bare.startRun<typeof newer>("ones", 8);
    expect(await bare.getRun(handle.id)).toMatchObject({ version: "2.0.0", input: 8 });
    await drain(place.worker([ones, newer]));
    const output: number = await handle.result();
    expect(output).toBe(8);
  });
});
