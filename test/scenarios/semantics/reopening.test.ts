import { describe, expect, test } from "vitest";
import { context, field, hold, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";
import { all, assertRunInvariants } from "../harness/run-invariants.ts";
import { codeOf, drain, PLACES } from "./place.ts";

describe.each(PLACES)("on $name", ({ open }) => {
  test("an item is retried only if it failed for good, with edited input under a new key", async () => {
    const place = await open();
    const keys: string[] = [];
    const flow = workflow({
      name: "picky",
      version: "1",
      completion: "all",
      nodes: {
        feed: node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) }),
        pick: node({
          input: unchecked<number>(),
          run({ input, idempotencyKey, itemId }) {
            keys.push(`${input} ${idempotencyKey.replace(itemId, "")}`);
            if (input < 0) throw new Error("negative");
            return next(input);
          },
        }),
      },
      start: "feed",
      edges: { feed: "pick", pick: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, [1, -2, 3]);
    await drain(worker);
    expect(await orchestrator.status(id)).toBe("failed");
    const items = await all((page) => orchestrator.listWorkItems(id, page));
    expect(items.map(({ status }) => status)).toEqual(["completed", "completed", "permanently_failed", "cancelled"]);
    const [feed, , failed, open_] = items.map((item) => item.id);
    for (const other of [feed, open_]) {
      expect(await codeOf(orchestrator.retry(id, { item: other }))).toBe("ILLEGAL_TRANSITION");
    }
    expect(await codeOf(orchestrator.retry(id, { item: `${id}.99` }))).toBe("ITEM_NOT_FOUND");
    expect(await codeOf(orchestrator.retry(id, { item: "other.1" }))).toBe("INVALID_VALUE");
    expect(await codeOf(orchestrator.retry(id, { input: 5 }))).toBe("INVALID_VALUE");
    expect(await codeOf(orchestrator.retry(id, { item: failed, input: 1n }))).toBe("INVALID_INPUT");
    expect(await orchestrator.status(id)).toBe("failed");

    // The same input again: the same key. It fails again.
    await orchestrator.retry(id, { item: failed });
    expect(await drain(worker)).toEqual(["pick failed"]);
    await orchestrator.retry(id, { item: failed, input: 20 });
    expect(await drain(worker)).toEqual(["pick progressed", "pick completed"]);
    expect((await orchestrator.getRun(id))?.output).toEqual([1, 20, 3]);
    expect(keys).toEqual(["1 ", "-2 ", "-2 ", "20 .r1", "3 "]);
    await assertRunInvariants(place.backend.operations, [id]);
  });

  test("a stuck run that is resumed lets what held decide again", async () => {
    const place = await open();
    const Visits = context({ visits: field.counter() });
    const flow = workflow({
      name: "four-visits",
      version: "1",
      context: Visits,
      nodes: {
        feed: node({ input: unchecked<number>(), run: () => nextAll(["a", "b"]) }),
        visit: node({
          context: Visits,
          input: unchecked<string>(),
          serializable: true,
          run({ input, context: { visits } }) {
            visits.add();
            return visits.value < 4 ? hold() : next(`${input} ${visits.value}`);
          },
        }),
      },
      start: "feed",
      edges: { feed: "visit", visit: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 0);
    expect(await drain(worker)).toEqual(["feed progressed", "visit progressed", "visit failed"]);
    expect(await orchestrator.getRun(id)).toMatchObject({
      status: "failed",
      failure: { code: "RUN_STUCK", message: expect.stringContaining('"visit"') },
      items: { held: 2, open: 0 },
    });
    expect((await orchestrator.explain(id)).releasedBy).toBe("resume of the run");
    await orchestrator.resume(id);
    expect(await drain(worker)).toEqual(["visit progressed", "visit completed"]);
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "completed", output: "b 4", items: { held: 1 } });
  });

  test("a run over its limit goes on with a higher one, and with no other", async () => {
    const place = await open();
    const turns: number[] = [];
    const flow = workflow({
      name: "seven-turns",
      version: "1",
      maxItems: 5,
      nodes: {
        turn: node({
          input: unchecked<number>(),
          run({ input }) {
            turns.push(input);
            return next(input + 1);
          },
        }),
      },
      start: "turn",
      edges: { turn: { to: [{ when: (value) => value < 7, to: "turn" }, { to: [] }] } },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 0);
    await drain(worker);
    expect(await orchestrator.getRun(id)).toMatchObject({
      failure: { code: "TOO_MANY_ITEMS" },
      items: { total: 5, open: 1 },
    });
    expect(await codeOf(orchestrator.resume(id))).toBe("ILLEGAL_TRANSITION");
    expect(await codeOf(orchestrator.resume(id, { maxItems: 5 }))).toBe("ILLEGAL_TRANSITION");
    expect(await codeOf(orchestrator.resume(id, { maxItems: 0 }))).toBe("INVALID_VALUE");
    await orchestrator.resume(id, { maxItems: 20 });
    await drain(worker);
    expect((await orchestrator.getRun(id))?.output).toBe(7);
    // The turn that went too far left no trace, and was made again.
    expect(turns).toEqual([0, 1, 2, 3, 4, 4, 5, 6]);
  });

  test("many runs are paused, resumed, cancelled, retried and deleted by what they have in common", async () => {
    const place = await open();
    const flow = workflow({
      name: "many",
      version: "1",
      nodes: { only: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
      start: "only",
      edges: { only: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const starts = Array.from({ length: 12 }, (_, at) => ({
      input: at,
      tags: { team: at % 3 === 0 ? "red" : "blue" },
    }));
    await orchestrator.startRuns(flow, starts);
    const red = { tags: { team: "red" } };
    const blue = { tags: { team: "blue" } };
    expect(await orchestrator.pause(red)).toMatchObject({ matched: 4, changed: 4, skippedCount: 0 });
    expect(await orchestrator.cancel({ ...blue, search: "blue", status: "running" }, { limit: 3 })).toMatchObject({
      changed: 3,
    });
    expect(await drain(worker)).toHaveLength(5);
    expect(await orchestrator.pause(blue)).toMatchObject({ matched: 8, changed: 0, skippedCount: 8 });
    expect(await orchestrator.resume({ status: "paused" })).toMatchObject({ changed: 4 });
    expect(await orchestrator.retry({ status: "cancelled" })).toMatchObject({ changed: 3 });
    expect(await drain(worker)).toHaveLength(7);
    expect((await orchestrator.listRuns({ status: "completed" })).entries).toHaveLength(12);
    expect(await orchestrator.deleteRun({ ...red, status: "completed" })).toMatchObject({ changed: 4 });
    expect((await orchestrator.listRuns()).entries).toHaveLength(8);
  });
});
