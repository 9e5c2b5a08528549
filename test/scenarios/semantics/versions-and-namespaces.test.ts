import { describe, expect, test } from "vitest";
import {
  DistributedOrchestrator,
  DistributedWorker,
  dynamicWorkflow,
  next,
  node,
  unchecked,
  workflow,
} from "../../../src/index.ts";
import { codeOf, drain, PLACES, refusal } from "./place.ts";

describe.each(PLACES)("versions on $name", ({ open }) => {
  const version = (number: string, more: { readonly tag?: string; readonly extra?: boolean } = {}) => {
    const first = node({ input: unchecked<number>(), run: ({ input }) => next(input + 1) });
    const last = node({ input: unchecked<number>(), run: ({ input }) => next(`${input} by ${more.tag ?? number}`) });
    return more.extra === true
      ? workflow({
          name: "order",
          version: number,
          nodes: { first, check: first, last },
          start: "first",
          edges: { first: "check", check: "last", last: [] },
        })
      : workflow({
          name: "order",
          version: number,
          nodes: { first, last },
          start: "first",
          edges: { first: "last", last: [] },
        });
  };

  test("a worker never takes an item of a version that it does not know, and explain says who is missing", async () => {
    const place = await open();
    const old = version("1.0.0");
    const recent = version("2.0.0", { extra: true });
    const orchestrator = place.orchestrator(old, recent);
    const before = await orchestrator.startRun(old, 1);
    const now = await orchestrator.startRun(recent, 1);
    const worker = place.worker(recent);
    expect(await drain(worker)).toEqual(["first progressed", "check progressed", "last completed"]);
    expect(await now.result()).toBe("3 by 2.0.0");
    expect(await before.status()).toBe("running");
    const told = await orchestrator.explain(before.id);
    expect(told.sentence).toContain("there is no live worker for order@1.0.0");
    expect(told.sentence).toContain("live workers have order@2.0.0");
    expect(told.releasedBy).toContain("order@1.0.0");
    // And the other way round.
    const again = await orchestrator.startRun(recent, 5);
    expect(await drain(place.worker(old))).toEqual(["first progressed", "last completed"]);
    expect(await before.result()).toBe("2 by 1.0.0");
    expect(await again.status()).toBe("running");
  });

  test("one worker runs items of several versions, each by its own graph", async () => {
    const place = await open();
    const old = version("1.0.0");
    const recent = version("2.0.0", { extra: true });
    const orchestrator = place.orchestrator(old, recent);
    const one = await orchestrator.startRun(old, 1);
    const two = await orchestrator.startRun(recent, 1);
    await drain(place.worker([old, recent]));
    expect([await one.result(), await two.result()]).toEqual(["2 by 1.0.0", "3 by 2.0.0"]);
  });

  test("code that is compatible takes over older runs, on their own graph", async () => {
    const place = await open();
    const old = version("1.0.0");
    const first = node({ input: unchecked<number>(), run: ({ input }) => next(input + 1) });
    const recent = workflow({
      name: "order",
      version: "1.1.0",
      compatible: [old],
      nodes: {
        first,
        check: first,
        last: node({ input: unchecked<number>(), run: ({ input }) => next(`${input} by newer code`) }),
      },
      start: "first",
      edges: { first: "check", check: "last", last: [] },
    });
    const orchestrator = place.orchestrator(old);
    const run = await orchestrator.startRun(old, 1);
    expect(await drain(place.worker(recent))).toEqual(["first progressed", "last completed"]);
    expect(await run.result()).toBe("2 by newer code");
  });

  test("code that takes over older runs serves the queues that their items wait in", async () => {
    const place = await open();
    const body = { input: unchecked<number>(), run: ({ input }: { readonly input: number }) => next(input) };
    const made = (version: string, queue: string, compatible: readonly string[]) =>
      workflow({
        name: "moved",
        version,
        compatible,
        nodes: { first: node(body), last: node({ ...body, queue }) },
        start: "first",
        edges: { first: "last", last: [] },
      });
    const old = made("1", "slow", []);
    const orchestrator = place.orchestrator(old);
    const handle = await orchestrator.startRun(old, 4);
    expect(await drain(place.worker(made("2", "fast", [old.hash])))).toEqual(["first progressed", "last completed"]);
    expect(await handle.result()).toBe(4);
  });

  test("a worker does not begin with code that would strand the older runs that it claims to be compatible with", async () => {
    const place = await open();
    const old = version("1.0.0");
    const handle = await place.orchestrator(old).startRun(old, 1);
    const other = workflow({
      name: "order",
      version: "2.0.0",
      compatible: [old.hash],
      nodes: { begin: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
      start: "begin",
      edges: { begin: [] },
    });
    expect(await refusal(place.worker(other).runOnce())).toMatchObject({
      code: "INVALID_WORKFLOW",
      message: expect.stringContaining('its node "first" is gone'),
    });
    expect(await handle.status()).toBe("running");
    expect(await drain(place.worker(old))).toEqual(["first progressed", "last completed"]);
  });

  test("the same name and version with another graph is a conflict, except in development", async () => {
    const place = await open();
    const one = version("1.0.0");
    const other = version("1.0.0", { extra: true });
    const orchestrator = place.orchestrator(one);
    const run = await orchestrator.startRun(one, 1);
    expect(await codeOf(place.orchestrator(other).startRun(other, 1))).toBe("VERSION_CONFLICT");
    expect(await codeOf(place.worker(other).runOnce())).toBe("VERSION_CONFLICT");
    // The run of the first is where it was: neither of them took it.
    expect(await run.status()).toBe("running");
    expect(await drain(place.worker(other, { development: true }))).toEqual([]);
    expect(await drain(place.worker(one, { development: true }))).toEqual(["first progressed", "last completed"]);
    expect(await run.result()).toBe("2 by 1.0.0");
  });

  test("settings that are no part of the graph change without a conflict", async () => {
    const place = await open();
    const body = { input: unchecked<number>(), run: ({ input }: { readonly input: number }) => next(input) };
    const plain = workflow({
      name: "settings",
      version: "1",
      nodes: { only: node(body) },
      start: "only",
      edges: { only: [] },
    });
    const tuned = workflow({
      name: "settings",
      version: "1",
      maxItems: 7,
      retry: { maxAttempts: 9 },
      nodes: { only: node({ ...body, timeout: "1s", deadline: "1h", description: "tuned", retry: false }) },
      start: "only",
      edges: { only: [] },
    });
    expect(tuned.hash).toBe(plain.hash);
    await place.orchestrator(plain).startRun(plain, 1);
    const handle = await place.orchestrator(tuned).startRun(tuned, 2);
    expect(await drain(place.worker(tuned))).toEqual(["only completed", "only completed"]);
    expect(await handle.result()).toBe(2);
  });
});

describe.each(PLACES)("namespaces on $name", ({ open }) => {
  test("namespaces share nothing: runs, keys, definitions, workers, contexts, clean-up", async () => {
    const place = await open();
    const make = (suffix: string) =>
      dynamicWorkflow<number, string>({
        name: "shared-name",
        version: "1",
        nodes: {
          [`only${suffix}`]: node({ input: unchecked<number>(), run: ({ input }) => next(`${input} in ${suffix}`) }),
        },
        start: `only${suffix}`,
        edges: { [`only${suffix}`]: [] },
      });
    const north = make("N");
    const south = make("S");
    const backends = { north: await place.open("north"), south: await place.open("south") };
    const ofNorth = new DistributedOrchestrator({ backend: backends.north, workflows: [north], clock: place.clock });
    const ofSouth = new DistributedOrchestrator({ backend: backends.south, workflows: [south], clock: place.clock });
    const inNorth = new DistributedWorker({
      backend: backends.north,
      workflows: [north],
      clock: place.clock,
      retry: false,
    });
    const inSouth = new DistributedWorker({
      backend: backends.south,
      workflows: [south],
      clock: place.clock,
      retry: false,
    });

    const options = { id: "same-id", idempotencyKey: "same-key", tags: { same: "tag" } };
    const one = await ofNorth.startRun(north, 1, options);
    expect(await drain(inSouth)).toEqual([]);
    expect(await ofSouth.getRun("same-id")).toBeUndefined();
    const two = await ofSouth.startRun(south, 2, options);
    expect(await drain(inNorth)).toEqual(["onlyN completed"]);
    expect(await one.result()).toBe("1 in N");
    expect(await two.status()).toBe("running");
    expect((await ofSouth.listWorkers()).map(({ workerId }) => workerId)).toEqual([inSouth.workerId]);
    expect((await ofNorth.listRuns({ tags: { same: "tag" } })).entries).toHaveLength(1);
    await place.clock.advance(1_000);
    expect(await ofNorth.cleanup({ olderThan: 0 })).toBe(1);
    expect(await ofNorth.getRun("same-id")).toBeUndefined();
    expect(await ofSouth.getRun("same-id")).toMatchObject({ status: "running", input: 2 });
    await ofSouth.cancel("same-id");
    expect(await codeOf(ofNorth.cancel("same-id"))).toBe("RUN_NOT_FOUND");
    await inNorth.stop();
    await inSouth.stop();
  });

  test("a namespace is a name, and its case counts", async () => {
    const place = await open();
    for (const wrong of ["", "a b", "../x", "a\0", "x'; DROP TABLE runs", "a".repeat(129)]) {
      expect([wrong, await codeOf(place.open(wrong))]).toEqual([wrong, "INVALID_VALUE"]);
    }
    const upper = await place.open("Team");
    const lower = await place.open("team");
    const flow = workflow({
      name: "cased",
      version: "1",
      nodes: { only: node({ input: unchecked<number>(), run: ({ input }) => next(input) }) },
      start: "only",
      edges: { only: [] },
    });
    await new DistributedOrchestrator({ backend: upper, workflows: [flow] }).startRun(flow, 1, { id: "r" });
    expect(await lower.runs.getRun("r")).toBeUndefined();
    expect(await upper.runs.getRun("r")).toBeDefined();
  });
});
