/**
 * The stores that runs are moved between in the scenarios, each new and empty under a URL of its own, and what all of them
 * hold: runs of a workflow that counts words.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as pathOf } from "node:path";
import { onTestFinished } from "vitest";
import {
  type Backend,
  connect,
  context,
  DistributedOrchestrator,
  DistributedWorker,
  field,
  join,
  next,
  node,
  split,
  unchecked,
  workflow,
} from "../../../src/index.ts";
import { POSTGRES, REDIS, SQLITE, type StoreKind } from "../harness/store-sites.ts";

/** From where to where runs are moved. */
export const PAIRS: readonly (readonly [from: StoreKind, to: StoreKind])[] = [
  [SQLITE, SQLITE],
  [SQLITE, POSTGRES],
  [SQLITE, REDIS],
  [POSTGRES, REDIS],
  [REDIS, SQLITE],
];

/** The URL of a new store that nobody else has; it goes away with the test. */
export async function newStore(kind: StoreKind): Promise<string> {
  const { address, remove } = await kind.prepare();
  onTestFinished(remove);
  return address.url;
}

const Tally = context({ words: field.counter() });
const lines = split(unchecked<string>(), (text) => text.split("\n"));
const count = node({
  context: Tally,
  input: unchecked<string>(),
  run({ input, context: tally }) {
    tally.words.add(input.split(" ").length);
    return next(input.length);
  },
});
const sum = join({
  of: "lines",
  input: unchecked<number>(),
  run: ({ inputs }) => next(inputs.reduce((a, b) => a + b, 0)),
});

const wordCount = workflow({
  name: "word-count",
  version: "1.0.0",
  context: Tally,
  nodes: { lines, count, sum },
  start: "lines",
  edges: { lines: "count", count: "sum", sum: [] },
});

/** What a run of it comes to: characters but line ends, and words. */
const TEXT = "the quick brown fox\njumps over\nthe lazy dog";
export const OUTCOME = [41, 9] as const;

export function newFolder(): string {
  const folder = mkdtempSync(pathOf(tmpdir(), "millrace-moved-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Does something with a store and closes it. */
export async function on<T>(url: string, work: (backend: Backend) => Promise<T>): Promise<T> {
  await using backend = await connect(url);
  return await work(backend);
}

/** Starts runs `run-1` to `run-N`: every third has ended, every third has begun, and every third waits to begin. */
export async function fill(url: string, runs: number): Promise<void> {
  await on(url, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend, workflows: [wordCount] });
    const start = async (rest: number, at: string): Promise<void> => {
      for (let number = 1; number <= runs; number += 1) {
        const options = { id: `run-${number}`, idempotencyKey: `key-${number}`, tags: { at } };
        if (number % 3 === rest) await orchestrator.startRun(wordCount, TEXT, options);
      }
    };
    await start(2, "end");
    await work(backend);
    await start(1, "begun");
    await work(backend, 1);
    await start(0, "rest");
  });
}

/** Executes items until nothing is ready, or so many requests were made. */
export async function work(backend: Backend, requests = Number.POSITIVE_INFINITY): Promise<void> {
  const worker = new DistributedWorker({ backend, workflows: [wordCount], concurrency: 1 });
  for (let at = 0; at < requests && (await worker.runOnce()).kind !== "idle"; at += 1);
  await worker.stop();
}

/** Statuses of runs by their ids. */
export async function statuses(url: string): Promise<Readonly<Record<string, string>>> {
  return on(url, async (backend) => {
    const { entries } = await backend.operations.read.runs({}, { limit: 1_000 });
    return Object.fromEntries(entries.map(({ id, status }) => [id, status]).sort());
  });
}

/** What each run came to. */
export async function outcomes(url: string): Promise<readonly unknown[]> {
  return on(url, async (backend) => {
    const orchestrator = new DistributedOrchestrator({ backend, workflows: [wordCount] });
    const found: unknown[] = [];
    for (const id of Object.keys(await statuses(url))) {
      const handle = orchestrator.handle(wordCount, id);
      found.push([await handle.result(), (await handle.context()).words.value]);
    }
    return found;
  });
}
