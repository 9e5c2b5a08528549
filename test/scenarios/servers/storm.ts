/**
 * Three worker processes and a client on a server that gets into one trouble after the other, and what must be true when it
 * is over: every run that was promised completes soon, with the output and the context that its input implies; nothing
 * was committed twice; no worker has died, and each has said of every outage when it began and when it was over.
 */

import { setTimeout as passed } from "node:timers/promises";
import { expect } from "vitest";
import { type Backend, DistributedOrchestrator } from "../../../src/index.ts";
import { assertRunInvariants, forEach } from "../harness/run-invariants.ts";
import type { Scene, SpawnOptions } from "../harness/scene.ts";
import type { Chance } from "../harness/seed.ts";
import { Store } from "../harness/store.ts";
import { openStore } from "../harness/store-address.ts";
import { until } from "../harness/until.ts";
import type { LogLine, RefusalLine } from "../harness/worker-order.ts";
import { itemsOf, type LedgerLine, marksOf, mixture, outputOf } from "../workflows/mixture.ts";
import { Fleet } from "./fleet.ts";
import { type Ground, rage } from "./ground.ts";
import { PersistentClient, type Promised } from "./persistent-client.ts";

const WORKERS = 3;
const LEASE_MS = 2_000;
/** All runs have ended by then, counted from the last trouble: a lease that ran out must be noticed, and the work done. */
const SETTLED_MS = 2 * LEASE_MS + 5_000;
const STRANDS = 6;
const LOOK_EVERY_MS = 20;

export const STORM_ORDER: SpawnOptions = {
  module: "mixture",
  workflows: ["mixture"],
  options: { lease: LEASE_MS, pollInterval: "100ms", concurrency: 8, maxStalls: 1_000 },
};

export interface StormFigures {
  readonly troubles: Readonly<Record<string, number>>;
  readonly outages: number;
  readonly figures: Readonly<Record<string, number>>;
}

/** The scene is one on the ground's address. */
export async function storm(scene: Scene, ground: Ground, rounds: number, chance: Chance): Promise<StormFigures> {
  const fleet = new Fleet(scene, STORM_ORDER);
  await fleet.begin(WORKERS);
  const client = new PersistentClient(await scene.connect(), chance);
  const working = client.work(STRANDS, LOOK_EVERY_MS);
  const all = [...ground.troubles, ...fleet.troubles(LEASE_MS)];
  const troubles = await rage(all, rounds, chance, () => passed(100 + chance.upTo(300)));
  client.stop();
  await fleet.thawed();
  const calmAt = performance.now();
  await working;

  const backend = await openStore(ground.direct);
  try {
    const store = new Store(backend.operations);
    const open = async () => (await store.runs()).flatMap((run) => (run.finishedAt === undefined ? [run.id] : []));
    const settled = async () => (await client.insist(open)).length === 0;
    await until("every run has ended", settled, {
      withinMs: SETTLED_MS,
      everyMs: 50,
      seen: () => client.insist(() => unfinished(backend)),
    });
    const settledMs = performance.now() - calmAt;
    for (const worker of fleet.workers) expect(worker.isAlive).toBe(true);
    for (const worker of fleet.workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });

    const found = await checkPromises(backend, client.promised);
    const ledger = scene.traces<LedgerLine>("ledger");
    expect(new Set(ledger.map(({ key }) => key)).size).toBe(sum(client.promised, ({ load }) => 2 * load.width));
    const outages = outagesOf(scene);
    const refusals = scene.traces<RefusalLine>("refusals").length;
    const figures = { runs: client.promised.length, ...found, outages, repeated: client.repeated, refusals };
    const rest = { executions: ledger.length, proxied: ground.disturbances(), settledMs: Math.round(settledMs) };
    return { troubles, outages, figures: { ...figures, ...rest } };
  } finally {
    await backend.close();
  }
}

/** The runs are those that were promised, and each is what its input makes of it. */
export async function checkPromises(backend: Backend, promised: readonly Promised[]) {
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [mixture] });
  const ids = promised.map(({ handle }) => handle.id);
  const store = new Store(backend.operations);
  expect((await store.runs()).map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
  await forEach(promised, async ({ handle: { id }, load }) => {
    const run = await orchestrator.getRun(id);
    const view = await orchestrator.context<typeof mixture>(id);
    const seen = {
      status: run?.status,
      output: run?.output,
      log: view.log.events.toSorted(),
      seen: [...view.seen].toSorted(),
      sum: view.sum.value,
      last: view.last.value,
    };
    expect(seen).toEqual({ status: "completed", output: outputOf(load), ...marksOf(load) });
  });
  const figures = await assertRunInvariants(backend.operations, ids);
  expect(figures.items).toBe(sum(promised, ({ load }) => itemsOf(load)));
  return figures;
}

/** What there is instead of ended runs, for whoever has to find out why. */
export async function unfinished({ operations }: Backend) {
  const store = new Store(operations);
  const open = (await store.runs()).filter(({ finishedAt }) => finishedAt === undefined);
  const first = await Promise.all(
    open.slice(0, 3).map(async ({ id, status }) => {
      const items = (await store.items(id)).map(({ node, status: is, epoch }) => `${node} ${is} ${epoch}`);
      return { id, status, items };
    }),
  );
  return { open: open.length, first };
}

/** Each worker says of an outage that it has begun, and then that it is over, and nothing in between. */
function outagesOf(scene: Scene): number {
  const begins = "the store fails; this worker keeps trying";
  let outages = 0;
  for (const { pid } of scene.processes) {
    const lines = scene.traces<LogLine>("log").filter((line) => line.pid === pid);
    const said = lines.map(({ message }) => message).filter((message) => message.startsWith("the store "));
    expect(said).toEqual(said.map((_, at) => (at % 2 === 0 ? begins : "the store answers again")));
    outages += said.filter((message) => message === begins).length;
    expect(lines.filter(({ level }) => level === "error")).toEqual([]);
  }
  return outages;
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
