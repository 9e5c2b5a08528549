/**
 * The place of one scenario: a folder of its own with the store's file and the traces, the processes started in it, and
 * a handle on the store for looking. Everything ends with its test, and a process that had something to say on stderr
 * fails it. Only processes that were started here are ever signalled.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";
import { type Backend, DistributedOrchestrator, type Workflow } from "../../../src/index.ts";
import { type SqliteOptions, sqlite } from "../../../src/sqlite.ts";
import { isIntact } from "./store-file.ts";
import { openGate, readTraces, type Traced } from "./traces.ts";
import { ProcessHandle } from "./worker-handle.ts";
import type { WorkerOrder } from "./worker-order.ts";

const workerProgram = fileURLToPath(new URL("worker-process.ts", import.meta.url));

export type SpawnOptions = Omit<WorkerOrder, "path" | "module"> & {
  /** File below `test/scenarios/workflows`, without its ending. */
  readonly module: string;
};

export class Scene {
  readonly folder = mkdtempSync(join(tmpdir(), "millrace-scenario-"));
  readonly path: string;
  readonly #processes: ProcessHandle[] = [];
  readonly #backends: Backend[] = [];

  /** `storeFolder`: where the store's file lies, if not in the scene's own folder. */
  constructor({ storeFolder }: { readonly storeFolder?: string } = {}) {
    this.path = join(storeFolder ?? this.folder, "store.db");
    onTestFinished(() => this.close());
  }

  /** A handle on the store, closed with the scene. */
  async connect(options: Omit<SqliteOptions, "path" | "database"> = {}): Promise<Backend> {
    const backend = await sqlite({ path: this.path, ...options });
    this.#backends.push(backend);
    return backend;
  }

  async orchestrator(...workflows: readonly Workflow[]): Promise<DistributedOrchestrator & { backend: Backend }> {
    const backend = await this.connect();
    return Object.assign(new DistributedOrchestrator({ backend, workflows }), { backend });
  }

  /** Starts a worker process. It may not be ready yet. */
  spawn({ module, ...order }: SpawnOptions): ProcessHandle {
    const url = new URL(`../workflows/${module}.ts`, import.meta.url).href;
    return this.start(workerProgram, { ...order, path: this.path, module: url } satisfies WorkerOrder);
  }

  /** Starts a worker process and waits until it has signed on. */
  async worker(options: SpawnOptions): Promise<ProcessHandle> {
    const handle = this.spawn(options);
    await handle.ready;
    return handle;
  }

  /** Starts any program of the harness. */
  start(program: string, order: unknown): ProcessHandle {
    const handle = new ProcessHandle(program, order, this.folder);
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

  /** Ends everything. The file must be whole whatever was done to its users. */
  async close(): Promise<void> {
    await Promise.all(this.#processes.filter(({ isAlive }) => isAlive).map((one) => one.kill()));
    await Promise.all(this.#backends.map((backend) => backend.close()));
    const spoken = this.#processes.map(({ stderr }) => stderr).filter((text) => text !== "");
    const intact = isIntact(this.path);
    rmSync(this.folder, { recursive: true, force: true });
    expect(spoken, "what worker processes said on stderr").toEqual([]);
    expect(intact, "the integrity of the store's file").toBe("ok");
  }
}
