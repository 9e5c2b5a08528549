import { describe, expect, test } from "vitest";
import { type DistributedWorker, next, nextAll, node, unchecked, workflow } from "../../../src/index.ts";
import { drain, PLACES } from "./place.ts";

/** Notes in which order inputs are executed. */
function noting() {
  const order: unknown[] = [];
  const note = (priority?: number) =>
    node({
      input: unchecked<string>(),
      priority,
      run({ input }) {
        order.push(input);
        return nextAll<string>([]);
      },
    });
  return { order, note };
}

async function oneByOne(worker: DistributedWorker): Promise<void> {
  await drain(worker);
}

describe.each(PLACES)("on $name", ({ open }) => {
  test("items are taken by priority, then by age, and one step of priority outweighs ten seconds of age", async () => {
    const place = await open();
    const { order, note } = noting();
    const flow = workflow({
      name: "prior",
      version: "1",
      completion: "all",
      nodes: { note: note() },
      start: "note",
      edges: { note: [] },
    });
    const orchestrator = place.orchestrator(flow);
    await orchestrator.startRun(flow, "old");
    await place.clock.advance(9_000);
    await orchestrator.startRun(flow, "a step higher", { priority: 1 });
    await orchestrator.startRun(flow, "low", { priority: -1 });
    await place.clock.advance(2_000);
    await orchestrator.startRun(flow, "a step higher, too late", { priority: 1 });
    await orchestrator.startRun(flow, "young");
    await orchestrator.startRun(flow, "urgent", { priority: 100 });
    await oneByOne(place.worker(flow));
    expect(order).toEqual(["urgent", "a step higher", "old", "a step higher, too late", "young", "low"]);
  });

  test("the priority of an item is that of its emission, or else its node's plus its run's", async () => {
    const place = await open();
    const { order, note } = noting();
    const flow = workflow({
      name: "sums",
      version: "1",
      completion: "all",
      nodes: {
        feed: node({ input: unchecked<string>(), priority: 100, run: ({ input }) => next(input) }),
        given: node({
          input: unchecked<string>(),
          priority: 100,
          run: ({ input }) => next(`given ${input}`, { priority: 2 }),
        }),
        high: note(3),
        low: note(1),
      },
      start: "feed",
      edges: { feed: ["high", "low", "given"], given: "low", high: [], low: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    await orchestrator.startRun(flow, "a");
    await orchestrator.startRun(flow, "b", { priority: 1 });
    const handle = await orchestrator.startRun(flow, "c", { priority: -5 });
    await oneByOne(worker);
    // a: 3, 1, given 2. b: 4, 2, given 2. c: -2, -4, given 2.
    expect(order.slice(0, 2)).toEqual(["b", "a"]);
    expect(order.slice(2, 6).toSorted()).toEqual(["b", "given a", "given b", "given c"]);
    expect(order.slice(6)).toEqual(["a", "c", "c"]);
    expect(await handle.result()).toEqual([]);
  });

  test("a worker takes items of the queues that it serves, and of no others", async () => {
    const place = await open();
    const flow = workflow({
      name: "queues",
      version: "1",
      nodes: {
        plain: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
        mail: node({ input: unchecked<number>(), queue: "mail", run: ({ input }) => next(input) }),
        press: node({ input: unchecked<number>(), queue: "press", run: ({ input }) => next(input) }),
      },
      start: "plain",
      edges: { plain: "mail", mail: "press", press: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const handle = await orchestrator.startRun(flow, 1);
    const mailer = place.worker(flow, { queues: ["mail"] });
    const other = place.worker(flow, { queues: ["default", "nothing"] });
    expect(await drain(mailer)).toEqual([]);
    expect(await drain(other)).toEqual(["plain progressed"]);
    expect((await orchestrator.explain(handle.id)).sentence).toContain("the next claim of");
    expect(await drain(mailer)).toEqual(["mail progressed"]);
    expect((await orchestrator.explain(handle.id)).sentence).toContain('that serves queue "press"');
    expect(await orchestrator.backlog()).toMatchObject([{ queue: "press" }]);
    // Without naming any, a worker serves all queues of its workflows.
    expect(await drain(place.worker(flow))).toEqual(["press completed"]);
  });

  test("a worker takes items whose labels it offers, all of them", async () => {
    const place = await open();
    const flow = workflow({
      name: "labelled",
      version: "1",
      completion: "all",
      nodes: {
        feed: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
        gpu: node({ input: unchecked<number>(), labels: ["gpu"], run: ({ input }) => next(`gpu ${input}`) }),
        both: node({ input: unchecked<number>(), labels: ["gpu", "eu"], run: ({ input }) => next(`both ${input}`) }),
      },
      start: "feed",
      edges: { feed: ["gpu", "both"], gpu: [], both: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const handle = await orchestrator.startRun(flow, 1);
    expect(await drain(place.worker(flow))).toEqual(["feed progressed"]);
    expect(await drain(place.worker(flow, { labels: ["eu"] }))).toEqual([]);
    expect(await drain(place.worker(flow, { labels: ["gpu", "us"] }))).toEqual(["gpu progressed"]);
    expect((await orchestrator.explain(handle.id)).sentence).toContain('that offers the labels "eu" and "gpu"');
    expect(await drain(place.worker(flow, { labels: ["gpu", "us", "eu"] }))).toEqual(["both completed"]);
    expect(await handle.result()).toEqual(["gpu 1", "both 1"]);
  });

  test("a run that is paused or closed does not stand in the way of those behind it", async () => {
    const place = await open();
    const { order, note } = noting();
    const flow = workflow({
      name: "crowd",
      version: "1",
      completion: "all",
      nodes: {
        feed: node({
          input: unchecked<string>(),
          priority: 50,
          run: ({ input }) => nextAll(Array.from({ length: 300 }, (_, at) => `${input}${at}`)),
        }),
        note: note(),
      },
      start: "feed",
      edges: { feed: "note", note: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow, { concurrency: 64 });
    const crowd = await orchestrator.startRun(flow, "x", { priority: 9 });
    const gone = await orchestrator.startRun(flow, "y", { priority: 9 });
    await worker.runOnce();
    await worker.runOnce();
    await crowd.pause();
    await gone.cancel();
    const small = await orchestrator.startRun(flow, "z");
    await drain(worker);
    expect(await small.status()).toBe("completed");
    expect(order.every((input) => String(input).startsWith("z"))).toBe(true);
    expect(order).toHaveLength(300);
    await crowd.resume();
    await drain(worker);
    expect(order).toHaveLength(600);
    expect(await crowd.status()).toBe("completed");
    expect(await gone.status()).toBe("cancelled");
  });
});
