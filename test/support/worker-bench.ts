/**
 * A place to try workers in: a backend in memory on a clock that is moved by hand, runs started on it, and time that
 * passes only when nothing else can happen. For tests of workers and of what runs on them.
 */

import type { BackendOperations } from "../../src/backend/contract/operations.ts";
import type { RunRecord } from "../../src/backend/contract/run.ts";
import type { WorkItem } from "../../src/backend/contract/work-item.ts";
import { memoryOperations } from "../../src/backend/memory/index.ts";
import { canonicalJson } from "../../src/core/digest.ts";
import { type ManualClock, manualClock, seededIds, seededRandom, silentLogger } from "../../src/core/ports.ts";
import { nextTurn } from "../../src/core/ports-turn.ts";
import { isTerminalRun } from "../../src/core/status.ts";
import { decodeValue } from "../../src/core/values.ts";
import { contextView } from "../../src/definition/context/context-view.ts";
import { decodeDelta, foldDeltas } from "../../src/definition/context/delta.ts";
import { initialState } from "../../src/definition/context/state.ts";
import type { Workflow } from "../../src/definition/workflow-building.ts";
import { buildStart, type RunOptions } from "../../src/stores/run-start.ts";
import { DistributedWorker } from "../../src/worker/distributed-worker.ts";
import type { WorkerOptions } from "../../src/worker/worker-options.ts";

/** Turns of the event loop in which nothing has to happen before time may pass. */
const QUIET_TURNS = 12;

/** A run as it stands, with its output decoded. */
export interface SeenRun extends RunRecord {
  readonly value: unknown;
}

export class WorkerBench {
  readonly clock: ManualClock;
  /** What workers get. */
  readonly operations: BackendOperations;
  /** The same without what wraps it: for starting runs and for looking at them. */
  readonly inner: BackendOperations;
  readonly #random;
  readonly #ids;

  constructor(
    options: {
      readonly seed?: number;
      readonly wrap?: (inner: BackendOperations, clock: ManualClock) => BackendOperations;
    } = {},
  ) {
    this.clock = manualClock(1_700_000_000_000);
    this.inner = memoryOperations({ clock: this.clock });
    this.operations = options.wrap?.(this.inner, this.clock) ?? this.inner;
    this.#random = seededRandom(options.seed ?? 1);
    this.#ids = seededIds(this.#random);
  }

  /** A worker on this backend and clock; it does not run yet. */
  worker(workflows: Workflow | readonly Workflow[], options: Partial<WorkerOptions> = {}): DistributedWorker {
    return new DistributedWorker({
      backend: { operations: this.operations },
      workflows: Array.isArray(workflows) ? workflows : [workflows as Workflow],
      clock: this.clock,
      random: this.#random,
      ids: this.#ids,
      logger: silentLogger,
      ...options,
    });
  }

  /** Publishes the workflow and starts a run of it; its id. */
  async start(
    workflow: Workflow,
    input: unknown,
    options: RunOptions & { readonly context?: unknown } = {},
  ): Promise<string> {
    const { hash, name, version, definition } = workflow;
    await this.inner.publish([{ hash, name, version, json: canonicalJson(definition) }], { replace: false });
    const { context, ...rest } = options;
    const id = this.#ids.runId(this.clock.now());
    const shape = workflow["~runtime"].context;
    const published = { hash, definition };
    const start = buildStart({ id, published, input, options: rest, context: { shape, init: context } });
    const [outcome] = await this.inner.startRuns([start]);
    if (outcome?.kind !== "started") throw new Error(`the run was not started: ${outcome?.kind}`);
    return id;
  }

  /** Lets everything happen, and time pass where nothing else does, until it is so. */
  async until(isSo: () => boolean | Promise<boolean>, longestMs = 3_600_000): Promise<void> {
    const start = this.clock.monotonic();
    for (;;) {
      for (let turn = 0; turn < QUIET_TURNS; turn += 1) {
        if (await isSo()) return;
        await nextTurn();
      }
      const ms = this.clock.untilNext();
      if (ms === undefined) throw new Error("nothing happens any more");
      if (this.clock.monotonic() - start > longestMs) throw new Error("it did not become so in time");
      await this.clock.advance(ms);
    }
  }

  /** Stops a worker, and lets pass what time that takes. */
  async stop(worker: DistributedWorker): Promise<void> {
    let isStopped = false;
    const stopping = worker.stop().then(() => {
      isStopped = true;
    });
    await this.until(() => isStopped);
    await stopping;
  }

  /** Lets everything happen that takes no time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < QUIET_TURNS; turn += 1) await nextTurn();
  }

  /** Runs a worker until the runs have ended, then stops it. */
  async finish(worker: DistributedWorker, ...runIds: readonly string[]): Promise<readonly SeenRun[]> {
    const working = worker.run();
    await this.until(async () => {
      const runs = await Promise.all(runIds.map((id) => this.inner.read.runState(id)));
      return runs.every((run) => run !== undefined && isTerminalRun(run.status));
    });
    await this.stop(worker);
    await working;
    return await Promise.all(runIds.map((id) => this.run(id)));
  }

  async run(runId: string): Promise<SeenRun> {
    const run = await this.inner.read.run(runId);
    if (run === undefined) throw new Error(`there is no run ${runId}`);
    if (run.completion === "all") {
      const { entries } = await this.inner.read.outputs(runId, { limit: 1_000 });
      return { ...run, value: entries.map(({ value }) => decodeValue(value)) };
    }
    return { ...run, value: run.output === undefined ? undefined : decodeValue(run.output) };
  }

  async items(runId: string): Promise<readonly WorkItem[]> {
    return (await this.inner.read.items({ runId }, { limit: 1_000 })).entries;
  }

  /** The context of a run as plain JSON. */
  async context(workflow: Workflow, runId: string): Promise<Readonly<Record<string, unknown>>> {
    const shape = workflow["~runtime"].context;
    const tail = await this.inner.read.contextTail(runId, { after: 0 });
    const deltas = (tail?.deltas ?? []).map(({ delta, ...place }) => ({ ...place, delta: decodeDelta(delta) }));
    const { state, sequence } = foldDeltas(shape, { state: initialState(shape), sequence: 0 }, deltas);
    return contextView(shape, state, sequence).toJSON();
  }
}
