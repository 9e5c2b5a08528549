import { describe, expect, test } from "vitest";
import { join, next, node, split, unchecked, workflow } from "../../../src/index.ts";
import { all, assertRunInvariants } from "../harness/run-invariants.ts";
import { codeOf, drain, PLACES } from "./place.ts";

type Shelf = readonly number[];
type Region = readonly Shelf[];

/** Three levels, of which the innermost branch fails as long as it is told to; `calls` tells what ran. */
function nested(failing: Set<number | "join">) {
  const calls: string[] = [];
  const flow = workflow({
    name: "three-levels",
    version: "1",
    nodes: {
      world: split(unchecked<readonly Region[]>(), (regions) => regions),
      region: split(unchecked<Region>(), (shelves) => shelves),
      shelf: split(unchecked<Shelf>(), (boxes) => boxes),
      open: node({
        input: unchecked<number>(),
        run({ input }) {
          calls.push(`open ${input}`);
          if (failing.has(input)) throw new Error(`box ${input}`);
          return next(input);
        },
      }),
      shelfDone: join({ of: "shelf", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) }),
      regionDone: join({
        of: "region",
        input: unchecked<Shelf>(),
        run({ inputs }) {
          calls.push(`region ${JSON.stringify(inputs)}`);
          if (failing.has("join")) throw new Error("the join");
          return next([...inputs]);
        },
      }),
      worldDone: join({ of: "world", input: unchecked<Region>(), run: ({ inputs }) => next([...inputs]) }),
    },
    start: "world",
    edges: {
      world: "region",
      region: "shelf",
      shelf: "open",
      open: "shelfDone",
      shelfDone: "regionDone",
      regionDone: "worldDone",
      worldDone: [],
    },
  });
  return { flow, calls };
}

const world: readonly Region[] = [
  [[1, 2], []],
  [[3], [4, 5]],
];
const boxes = [1, 2, 3, 4, 5];

describe.each(PLACES)("on $name", ({ open }) => {
  test.each(boxes)("a run that fails at box %i of three levels joins, once resumed, as if it had not", async (box) => {
    const place = await open();
    const failing = new Set<number | "join">([box]);
    const { flow, calls } = nested(failing);
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const handle = await orchestrator.startRun(flow, world);
    await drain(worker);
    expect(await handle.status()).toBe("failed");
    await assertRunInvariants(place.backend.operations, [handle.id]);
    // Failing again after a resume changes nothing either.
    await handle.resume();
    await drain(worker);
    expect(await handle.status()).toBe("failed");
    failing.clear();
    await handle.resume();
    await drain(worker);
    expect(await handle.result()).toEqual(world);
    expect(calls.filter((call) => call === `open ${box}`)).toHaveLength(3);
    for (const other of boxes.filter((one) => one !== box)) {
      expect(calls.filter((call) => call === `open ${other}`)).toHaveLength(1);
    }
    await assertRunInvariants(place.backend.operations, [handle.id]);
  });

  test("a run that is cancelled after any number of items joins, once resumed, as if it had not been", async () => {
    const place = await open();
    const { flow } = nested(new Set());
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    for (let items = 0; items < 18; items += 3) {
      const handle = await orchestrator.startRun(flow, world);
      for (let item = 0; item < items; item += 1) await worker.runOnce();
      await handle.cancel();
      expect(await worker.runOnce()).toEqual({ kind: "idle" });
      await assertRunInvariants(place.backend.operations, [handle.id]);
      await handle.resume();
      await drain(worker);
      expect([items, await handle.result()]).toEqual([items, world]);
      await assertRunInvariants(place.backend.operations, [handle.id]);
    }
  });

  test("a join that failed for good is retried with the values that had arrived, and its input cannot be edited", async () => {
    const place = await open();
    const failing = new Set<number | "join">(["join"]);
    const { flow, calls } = nested(failing);
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const handle = await orchestrator.startRun(flow, world);
    await drain(worker);
    const failed = (await all((page) => orchestrator.listWorkItems(handle.id, page))).find(
      ({ status }) => status === "permanently_failed",
    );
    expect(failed).toMatchObject({ node: "regionDone", kind: "join" });
    expect(await codeOf(orchestrator.retry(handle.id, { item: failed?.id, input: [] }))).toBe("INVALID_VALUE");
    failing.clear();
    await orchestrator.retry(handle.id, { item: failed?.id });
    await drain(worker);
    expect(await handle.result()).toEqual(world);
    const first = calls.find((call) => call.startsWith("region"));
    expect(calls.filter((call) => call === first)).toHaveLength(2);
    await assertRunInvariants(place.backend.operations, [handle.id]);
  });

  test("a box that is retried with another input joins with that", async () => {
    const place = await open();
    const { flow } = nested(new Set([4]));
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const handle = await orchestrator.startRun(flow, world);
    await drain(worker);
    const items = await all((page) => orchestrator.listWorkItems(handle.id, page));
    const failed = items.find(({ status }) => status === "permanently_failed");
    await orchestrator.retry(handle.id, { item: failed?.id, input: 40 });
    await drain(worker);
    expect(await handle.result()).toEqual([
      [[1, 2], []],
      [[3], [40, 5]],
    ]);
  });
});
