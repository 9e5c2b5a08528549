import { expect, test } from "vitest";
import { z } from "zod";
import { WorkerBench } from "../../test/support/worker-bench.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import { type Random, seededRandom } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { join } from "../definition/join.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { hold, next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { DistributedWorker } from "./distributed-worker.ts";

const BRANCHES = 10;
const Shared = context({ log: field.eventLog<number>(), sum: field.register(0), seen: field.set<number>() });

/** Fan-out, flaky work with steps and updates, a gathering that holds, a join. */
function everything() {
  const work = node({
    context: Shared,
    input: z.number(),
    retry: { maxAttempts: 4, initialBackoff: "1s", jitter: "full" },
    async run({ input, context, attempt, step }) {
      const kept = await step("double", () => input * 2);
      context.log.append(input);
      for (let turn = 0; turn < input % 4; turn += 1) await Promise.resolve();
      context.sum.update((sum) => sum + kept);
      if (input % 5 === 0 && attempt === 1) throw new Error("flaky");
      return next(kept);
    },
  });
  const gather = node({
    context: Shared,
    input: z.number(),
    serializable: true,
    retry: { maxAttempts: 4, initialBackoff: "1s" },
    async run({ input, context, attempt }) {
      context.seen.add(input);
      const { size } = context.seen;
      if (input % 3 === 0) await Promise.resolve();
      if (input % 7 === 0 && attempt === 1) throw new Error("flaky too");
      return size === BRANCHES ? next([...context.seen].sort((a, b) => a - b)) : hold();
    },
  });
  return workflow({
    name: "everything",
    version: "1",
    context: Shared,
    nodes: {
      spread: split(z.number(), (count) => Array.from({ length: count }, (_, at) => at)),
      work,
      gather,
      sum: join({ of: "spread", input: z.array(z.number()), run: ({ inputs }) => next(inputs.flat()) }),
    },
    start: "spread",
    edges: { spread: "work", work: "gather", gather: "sum", sum: [] },
  });
}

/** A line to the store that loses requests and answers, and now and then goes dead for one worker for good. */
function faultyLine(random: Random, dead: Set<string>) {
  const lost = random.next() * 0.3;
  const deadly = random.next() * 0.01;
  async function through<T>(session: string | undefined, ask: () => Promise<T>): Promise<T> {
    const chance = random.next();
    if (session !== undefined && chance > 1 - deadly) dead.add(session);
    if (chance < lost / 2 || (session !== undefined && dead.has(session))) throw unavailable();
    const answer = await ask();
    if (chance < lost) throw unavailable();
    return answer;
  }
  return (inner: BackendOperations): BackendOperations => ({
    ...inner,
    attachSession: () => () => undefined,
    commitAndClaim: (request) => through(request.session, () => inner.commitAndClaim(request)),
    renew: (renewal) => through(renewal.session, () => inner.renew(renewal)),
    openSession: (session) => through(undefined, () => inner.openSession(session)),
    closeSession: (session) => through(session, () => inner.closeSession(session)),
    putMemo: (memo) => through(memo.session, () => inner.putMemo(memo)),
    read: {
      ...inner.read,
      contextTail: (...range) => through(undefined, () => inner.read.contextTail(...range)),
      arrivals: (...place) => through(undefined, () => inner.read.arrivals(...place)),
    },
  });
}

function unavailable(): MillraceError {
  return new MillraceError("BACKEND_UNAVAILABLE", "the line is dead");
}

async function simulate(seed: number): Promise<{ readonly conflicts: number; readonly dead: number }> {
  const dead = new Set<string>();
  const bench = new WorkerBench({ seed, wrap: faultyLine(seededRandom(seed), dead) });
  const flow = everything();
  const ids = await Promise.all([1, 2, 3].map(() => bench.start(flow, BRANCHES)));
  const workers: DistributedWorker[] = [];
  const running: Promise<void>[] = [];
  const hire = (concurrency: number): void => {
    const worker = bench.worker(flow, { concurrency, lease: "5s", maxStalls: 50 });
    workers.push(worker);
    running.push(worker.run());
  };
  for (const concurrency of [2, 4, 7]) hire(concurrency);
  await bench.until(async () => {
    while (workers.length < 3 + dead.size) hire(3);
    const runs = await Promise.all(ids.map((id) => bench.inner.read.runState(id)));
    return runs.every((run) => run?.status !== "running");
  });
  for (const id of ids) {
    const { status, value, outputs, held } = await bench.run(id);
    const expected = Array.from({ length: BRANCHES }, (_, at) => at * 2);
    expect({ seed, status, value, outputs, held }).toEqual({
      seed,
      status: "completed",
      value: expected,
      outputs: 1,
      held: BRANCHES - 1,
    });
    const { log, sum, seen } = await bench.context(flow, id);
    expect([...(log as number[])].sort((a, b) => a - b)).toEqual(Array.from({ length: BRANCHES }, (_, at) => at));
    expect({ sum, seen: (seen as number[]).length }).toEqual({ sum: BRANCHES * (BRANCHES - 1), seen: BRANCHES });
  }
  const runs = await Promise.all(ids.map((id) => bench.run(id)));
  await Promise.all(workers.map((worker) => bench.stop(worker)));
  await Promise.all(running);
  return { conflicts: runs.reduce((sum, run) => sum + run.conflicts, 0), dead: dead.size };
}

test("whatever is lost on the way and whoever dies, every run ends whole", async () => {
  let conflicts = 0;
  let dead = 0;
  for (let seed = 1; seed <= 25; seed += 1) {
    const seen = await simulate(seed);
    conflicts += seen.conflicts;
    dead += seen.dead;
  }
  expect(conflicts).toBeGreaterThan(50);
  expect(dead).toBeGreaterThan(10);
});
