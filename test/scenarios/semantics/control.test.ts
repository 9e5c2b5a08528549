import { describe, expect, test } from "vitest";
import {
  context,
  type DistributedOrchestrator,
  type DistributedWorker,
  field,
  join,
  next,
  nextAll,
  node,
  unchecked,
  workflow,
} from "../../../src/index.ts";
import { gate } from "../../support/gate.ts";
import { all, assertRunInvariants } from "../harness/run-invariants.ts";
import { until } from "../harness/until.ts";
import { codeOf, drain, PLACES, type Place, refusal } from "./place.ts";

/**
 * Three branches of which the second waits at a gate; what each body was called with is noted, so that it shows when one
 * runs again.
 */
function threeBranches(how: { readonly second?: "emit" | "throw" } = {}) {
  const calls: string[] = [];
  const door = gate();
  const signals: AbortSignal[] = [];
  const Notes = context({ notes: field.eventLog<string>() });
  const flow = workflow({
    name: "three-branches",
    version: "1",
    context: Notes,
    nodes: {
      feed: node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) }),
      work: node({
        context: Notes,
        input: unchecked<number>(),
        async run({ input, context: { notes }, signal, idempotencyKey, itemId, attempt }) {
          calls.push(`${input}#${attempt}${idempotencyKey === itemId ? "" : " other key"}`);
          notes.append(`work ${input}`);
          if (input === 2) {
            signals.push(signal);
            door.begin();
            await door.opened;
            if (how.second === "throw" && calls.filter((call) => call.startsWith("2#")).length === 1) {
              throw new Error("the second fails");
            }
          }
          return next(input * 10);
        },
      }),
      gather: join({ of: "feed", input: unchecked<number>(), run: ({ inputs }) => next([...inputs]) }),
    },
    start: "feed",
    edges: { feed: "work", work: "gather", gather: [] },
  });
  return { flow, calls, door, signals };
}

interface InFlight {
  readonly orchestrator: DistributedOrchestrator;
  readonly worker: DistributedWorker;
  readonly other: DistributedWorker;
  readonly id: string;
  /** The attempt that is in flight: what becomes of it. */
  readonly second: Promise<{ readonly kind: string }>;
}

/** One branch is done, one is in flight, one is ready. */
async function inFlight(place: Place, { flow, door }: ReturnType<typeof threeBranches>): Promise<InFlight> {
  const orchestrator = place.orchestrator(flow);
  const worker = place.worker(flow);
  const other = place.worker(flow);
  const { id } = await orchestrator.startRun(flow, [1, 2, 3]);
  await other.runOnce();
  await other.runOnce();
  const second = worker.runOnce();
  await door.begun;
  return { orchestrator, worker, other, id, second };
}

async function statuses(orchestrator: DistributedOrchestrator, id: string): Promise<readonly string[]> {
  return (await all((page) => orchestrator.listWorkItems(id, page))).map(
    ({ node: name, status }) => `${name} ${status}`,
  );
}

describe.each(PLACES)("on $name", ({ open }) => {
  test("cancelling closes the run at once: what is in flight is told, and cannot commit, not even after a resume", async () => {
    const place = await open();
    const scene = threeBranches();
    const { orchestrator, worker, other, id, second } = await inFlight(place, scene);
    expect(await orchestrator.cancel(id, { reason: "not wanted", actor: "ann" })).toEqual({
      runId: id,
      status: "cancelled",
      changed: true,
    });
    expect(await statuses(orchestrator, id)).toEqual([
      "feed completed",
      "work completed",
      "work cancelled",
      "work cancelled",
    ]);
    expect(await other.runOnce()).toEqual({ kind: "idle" });
    expect(scene.signals[0]?.aborted).toBe(false);
    await place.clock.advance(10_001);
    await until("the attempt is told", () => scene.signals[0]?.aborted);
    expect(scene.signals[0]?.reason).toMatchObject({ code: "RUN_CLOSED" });

    await orchestrator.resume(id);
    expect(await orchestrator.status(id)).toBe("running");
    scene.door.open();
    expect(await second).toMatchObject({ kind: "progressed" });
    expect(await orchestrator.status(id)).toBe("running");
    expect(await drain(worker)).toEqual(["work progressed", "work progressed", "gather completed"]);
    const run = await orchestrator.getRun(id);
    expect(run).toMatchObject({ status: "completed", output: [10, 20, 30], items: { completed: 5, total: 5 } });
    // The first had finished and never ran again; the second was begun twice, by one attempt's number and key.
    expect(scene.calls.toSorted()).toEqual(["1#1", "2#1", "2#1", "3#1"]);
    const notes = (await orchestrator.context<typeof scene.flow>(id)).notes.events;
    expect(notes.toSorted()).toEqual(["work 1", "work 2", "work 3"]);
    await assertRunInvariants(place.backend.operations, [id]);
  });

  test("pausing lets what is in flight commit, and claims nothing more until the run is resumed", async () => {
    const place = await open();
    const scene = threeBranches();
    const { orchestrator, worker, other, id, second } = await inFlight(place, scene);
    expect(await orchestrator.pause(id, { actor: "ann" })).toMatchObject({ status: "paused", changed: true });
    expect(await other.runOnce()).toEqual({ kind: "idle" });
    scene.door.open();
    expect(await second).toMatchObject({ kind: "progressed", runStatus: "paused" });
    await place.clock.advance(3_600_000);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    expect(await statuses(orchestrator, id)).toEqual([
      "feed completed",
      "work completed",
      "work completed",
      "work pending",
    ]);
    expect(scene.signals[0]?.aborted).toBe(false);

    expect(await orchestrator.resume(id)).toMatchObject({ status: "running", changed: true });
    expect(await drain(other)).toEqual(["work progressed", "gather completed"]);
    expect((await orchestrator.getRun(id))?.output).toEqual([10, 20, 30]);
    expect(scene.calls.toSorted()).toEqual(["1#1", "2#1", "3#1"]);
    await assertRunInvariants(place.backend.operations, [id]);
  });

  test("an attempt in flight may complete a paused run", async () => {
    const place = await open();
    const door = gate();
    const flow = workflow({
      name: "one-gate",
      version: "1",
      nodes: {
        wait: node({
          input: unchecked<number>(),
          async run({ input }) {
            door.begin();
            await door.opened;
            return next(input);
          },
        }),
      },
      start: "wait",
      edges: { wait: [] },
    });
    const orchestrator = place.orchestrator(flow);
    const worker = place.worker(flow);
    const { id } = await orchestrator.startRun(flow, 7);
    const attempt = worker.runOnce();
    await door.begun;
    await orchestrator.pause(id);
    door.open();
    expect(await attempt).toMatchObject({ kind: "completed", runStatus: "completed" });
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "completed", output: 7 });
    expect((await refusal(orchestrator.resume(id))).code).toBe("RUN_CLOSED");
  });

  test("an attempt in flight may fail a paused run; resuming it re-opens what failed and what was open", async () => {
    const place = await open();
    const scene = threeBranches({ second: "throw" });
    const { orchestrator, worker, id, second } = await inFlight(place, scene);
    await orchestrator.pause(id);
    scene.door.open();
    expect(await second).toMatchObject({
      kind: "failed",
      runStatus: "failed",
      failure: { message: "the second fails" },
    });
    expect(await statuses(orchestrator, id)).toEqual([
      "feed completed",
      "work completed",
      "work permanently_failed",
      "work cancelled",
    ]);
    await orchestrator.resume(id);
    expect(await drain(worker)).toEqual(["work progressed", "work progressed", "gather completed"]);
    // A fresh attempt: numbered from one again, under the same key.
    expect(scene.calls.toSorted()).toEqual(["1#1", "2#1", "2#1", "3#1"]);
    expect((await orchestrator.getRun(id))?.output).toEqual([10, 20, 30]);
    await assertRunInvariants(place.backend.operations, [id]);
  });

  test("a failure closes the run for what is in flight beside it", async () => {
    const place = await open();
    const scene = threeBranches();
    const { orchestrator, worker, other, id, second } = await inFlight(place, scene);
    await place.backend.runs.updateStatus(id, "failed", { reason: "an operator said so" });
    scene.door.open();
    expect((await second).kind).toBe("progressed");
    expect(await orchestrator.getRun(id)).toMatchObject({
      status: "failed",
      failure: { message: "an operator said so" },
    });
    await orchestrator.retry(id);
    expect(await drain(other)).toEqual(["work progressed", "work progressed", "gather completed"]);
    expect(await worker.runOnce()).toEqual({ kind: "idle" });
    expect((await orchestrator.getRun(id))?.output).toEqual([10, 20, 30]);
  });

  test("completing a run from outside closes the rest, in flight or not", async () => {
    const place = await open();
    const scene = threeBranches();
    const { orchestrator, other, id, second } = await inFlight(place, scene);
    const handle = orchestrator.handle(scene.flow, id);
    const result = handle.result();
    expect(await orchestrator.completeRun(id, ["by hand"])).toMatchObject({ status: "completed", changed: true });
    expect(await result).toEqual(["by hand"]);
    scene.door.open();
    await second;
    expect(await other.runOnce()).toEqual({ kind: "idle" });
    expect(await orchestrator.getRun(id)).toMatchObject({ status: "completed", output: ["by hand"], outputs: 1 });
    await assertRunInvariants(place.backend.operations, [id]);
  });

  test("deleting takes a run that has ended with everything of it, and frees its id and key", async () => {
    const place = await open();
    const scene = threeBranches();
    const orchestrator = place.orchestrator(scene.flow);
    const worker = place.worker(scene.flow);
    const options = { id: "the-run", idempotencyKey: "the-key", tags: { team: "a" } };
    const handle = await orchestrator.startRun(scene.flow, [1], options);
    expect((await refusal(orchestrator.deleteRun(handle.id))).code).toBe("RUN_OPEN");
    await drain(worker);
    expect(await handle.result()).toEqual([10]);
    await orchestrator.deleteRun(handle.id);
    expect(await orchestrator.getRun(handle.id)).toBeUndefined();
    expect((await orchestrator.listRuns()).entries).toEqual([]);
    for (const call of [
      orchestrator.status(handle.id),
      orchestrator.listWorkItems(handle.id),
      orchestrator.errors(handle.id),
      orchestrator.metrics(handle.id),
      orchestrator.history(handle.id),
      orchestrator.explain(handle.id),
      handle.context(),
      handle.result(),
    ]) {
      expect(await codeOf(call)).toBe("RUN_NOT_FOUND");
    }
    const again = await orchestrator.startRun(scene.flow, [3], options);
    await drain(worker);
    expect(await again.result()).toEqual([30]);
    expect((await again.context()).notes.events).toEqual(["work 3"]);
  });
});
