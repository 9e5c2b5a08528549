/**
 * A store on a clock that is moved by hand, with workers that do one item at a time: for scenarios in which it matters
 * what happens when. On memory, on a SQLite file, on PostgreSQL and on Redis; everything is closed with its test.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { onTestFinished } from "vitest";
import {
  type Backend,
  DistributedOrchestrator,
  DistributedWorker,
  isMillraceError,
  type ManualClock,
  MemoryWorld,
  type MillraceError,
  manualClock,
  memory,
  type RunOnceResult,
  type WorkerOptions,
  type Workflow,
} from "../../../src/index.ts";
import { sqlite } from "../../../src/sqlite.ts";
import { isIntact } from "../harness/store-file.ts";
import { onPostgres, onRedis } from "./server-places.ts";

/** When every place begins. */
export const START = 1_700_000_000_000;

export interface Place {
  readonly clock: ManualClock;
  /** Of the namespace `default`. */
  readonly backend: Backend;
  /** Opens the same store once more. */
  open(namespace?: string): Promise<Backend>;
  orchestrator(...workflows: readonly Workflow[]): DistributedOrchestrator;
  worker(workflows: Workflow | readonly Workflow[], options?: Partial<WorkerOptions>): DistributedWorker;
}

const openOnPostgres = onPostgres();
const openOnRedis = onRedis();

export const PLACES: readonly { readonly name: string; readonly open: () => Promise<Place> }[] = [
  {
    name: "memory",
    async open() {
      const clock = manualClock(START);
      const world = new MemoryWorld(clock);
      return await placeOf(clock, async (namespace) => memory({ world, namespace }));
    },
  },
  {
    name: "a SQLite file",
    async open() {
      const clock = manualClock(START);
      const folder = mkdtempSync(join(tmpdir(), "millrace-place-"));
      const path = join(folder, "store.db");
      onTestFinished(() => {
        const intact = isIntact(path);
        rmSync(folder, { recursive: true, force: true });
        if (intact !== "ok") throw new Error(`the store's file is broken: ${intact}`);
      });
      // A handle of the test's own: leases are then renewed on the clock of the test, and by no thread beside it.
      const database = new DatabaseSync(path);
      onTestFinished(() => database.close());
      return await placeOf(
        clock,
        async (namespace) => await sqlite({ database, clock, namespace, durability: "process" }),
      );
    },
  },
  ...[
    { name: "PostgreSQL", prepare: openOnPostgres },
    { name: "Redis", prepare: openOnRedis },
  ].map(({ name, prepare }) => ({
    name,
    async open() {
      const clock = manualClock(START);
      const opening = await prepare();
      return await placeOf(clock, async (namespace) => await opening(clock, namespace));
    },
  })),
];

async function placeOf(clock: ManualClock, opening: (namespace?: string) => Promise<Backend>): Promise<Place> {
  const open = async (namespace?: string): Promise<Backend> => {
    const backend = await opening(namespace);
    onTestFinished(() => backend.close());
    return backend;
  };
  const backend = await open();
  return {
    clock,
    backend,
    open,
    orchestrator: (...workflows) => new DistributedOrchestrator({ backend, workflows, clock }),
    worker(workflows, options = {}) {
      const list = Array.isArray(workflows) ? workflows : [workflows as Workflow];
      const worker = new DistributedWorker({ backend, workflows: list, clock, retry: false, ...options });
      onTestFinished(() => worker.stop({ drain: 0 }));
      return worker;
    },
  };
}

/** Does items one by one until there is none to be had; what became of each, as `node kind`. */
export async function drain(worker: DistributedWorker, most = 1_000): Promise<readonly string[]> {
  const done: string[] = [];
  for (let result = await worker.runOnce(); result.kind !== "idle"; result = await worker.runOnce()) {
    done.push(told(result));
    if (done.length >= most) throw new Error(`there is always another item: ${done.slice(-5).join(", ")}`);
  }
  return done;
}

function told(result: RunOnceResult): string {
  return result.kind === "idle" ? "idle" : `${result.node} ${result.kind}`;
}

/** What a call was refused with. */
export async function refusal(call: Promise<unknown>): Promise<MillraceError> {
  const thrown: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (isMillraceError(thrown)) return thrown;
  throw new Error(`it was not refused, but gave ${String(thrown)}`);
}

/** The code that a call was refused with; `done` if it was not. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "done",
    (error: unknown) => (isMillraceError(error) ? error.code : String(error)),
  );
}
