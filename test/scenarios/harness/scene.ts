/**
 * The place of one scenario: a store of its own, a folder with the traces, the processes started in it, and a handle on
 * the store for looking. Everything ends with its test, and a process that had something to say on stderr fails it. Only
 * processes that were started here are ever signalled.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { type Backend, DistributedOrchestrator, type Workflow } from "../../../src/index.ts";
import { type FileLimits, openStore, type StoreAddress } from "./store-address.ts";
import { fileSite, type StoreKind, type StoreSite } from "./store-sites.ts";
import { openGate, readTraces, type Traced } from "./traces.ts";
import { ProcessHandle, type Surroundings } from "./worker-handle.ts";
import type { WorkerOrder } from "./worker-order.ts";

const workerProgram = fileURLToPath(new URL("worker-process.ts", import.meta.url));

export type SpawnOptions = Omit<WorkerOrder, "store" | "module"> & {
  /** File below `test/scenarios/workflows`, without its ending. */
  readonly module: string;
  /** Where this worker finds the store, if not where all others do. */
  readonly store?: StoreAddress | undefined;
  readonly surroundings?: Surroundings | undefined;
};

export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-scenario-"));
  readonly #site: StoreSite;
  readonly #processes: ProcessHandle[] = [];
  readonly #backends: Backend[] = [];

  /** A file of SQLite, unless told. A test that runs beside others brings along what says that it is finished. */
  constructor(site: StoreSite = fileSite(), finished: typeof onTestFinished = onTestFinished) {
    this.#site = site;
    finished(() => this.close());
  }

  static async on(kind: StoreKind): Promise<Scene> {
    return new Scene(await kind.prepare());
  }

  get store(): StoreAddress {
    return this.#site.address;
  }

  /** A handle on the store, closed with the scene. */
  async connect(limits: FileLimits = {}): Promise<Backend> {
    const backend = await openStore(this.store, limits);
    this.#backends.push(backend);
    return backend;
  }

  async orchestrator(...workflows: readonly Workflow[]): Promise<DistributedOrchestrator & { backend: Backend }> {
    const backend = await this.connect();
    return Object.assign(new DistributedOrchestrator({ backend, workflows }), { backend });
  }

  /** Starts a worker process. It may not be ready yet. */
  spawn({ module, store = this.store, surroundings, ...order }: SpawnOptions): ProcessHandle {
    const url = new URL(`../workflows/${module}.ts`, import.meta.url).href;
    return this.start(workerProgram, { ...order, store, module: url } satisfies WorkerOrder, surroundings);
  }

  /** Starts a worker process and waits until it has signed on. */
  async worker(options: SpawnOptions): Promise<ProcessHandle> {
    const handle = this.spawn(options);
    await handle.ready;
    return handle;
  }

  /** Starts any program of the harness. */
  start(program: string, order: unknown, surroundings?: Surroundings): ProcessHandle {
    const handle = new ProcessHandle(program, order, this.folder, surroundings);
    this.#processes.push(handle);
    return handle;
  }

  get processes(): readonly ProcessHandle[] {
    return this.#processes;
  }

  traces<T>(name: string): Traced<T>[] {
    return readTraces<T>(this.folder, name);
  }

  openGate(name: string): void {
    openGate(this.folder, name);
  }

  /** Ends everything. */
  async close(): Promise<void> {
    await Promise.all(this.#processes.filter(({ isAlive }) => isAlive).map((one) => one.kill()));
    await Promise.all(this.#backends.map((backend) => backend.close()));
    const spoken = this.#processes.map(({ stderr }) => stderr).filter((text) => text !== "");
    rmSync(this.folder, { recursive: true, force: true });
    await this.#site.remove();
    expect(spoken, "what worker processes said on stderr").toEqual([]);
  }
}
