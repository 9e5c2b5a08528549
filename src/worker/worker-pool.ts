/**
 * Several workers of one process on one backend, started, scaled and stopped together. Each is a worker of its own, with
 * its own session and slots; they share nothing but the backend. A worker that ends for good takes the pool's `join`
 * with it; it is not replaced, since store failures never end one.
 */

import { MillraceError } from "../core/errors.ts";
import { DistributedWorker, type StopOptions, type WorkerReport } from "./distributed-worker.ts";
import { readWorkerOptions, type WorkerOptions } from "./worker-options.ts";

/** How a pool works: the options of its workers, and how many there are. */
export interface WorkerPoolOptions extends WorkerOptions {
  /** 1 if absent. */
  readonly workers?: number | undefined;
}

interface Member {
  readonly worker: DistributedWorker;
  /** Never rejects; what ended it otherwise than by `stop` is kept. */
  readonly ended: Promise<void>;
}

const MOST_WORKERS = 1_000;

export class WorkerPool implements AsyncDisposable {
  readonly #options: WorkerPoolOptions;
  readonly #members: Member[] = [];
  #size: number;
  #made = 0;
  #isStarted = false;
  #failure: { readonly error: unknown } | undefined;
  #stopping: Promise<void> | undefined;

  /** Throws `INVALID_CONFIG` for an option that makes no sense. Nothing happens before `start`. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#size = checkSize(options.workers ?? 1);
    readWorkerOptions(options);
  }

  /** Starts the workers; resolves when all have signed on. Rejects with what kept one from it, all stopped. Idempotent. */
  async start(): Promise<void> {
    if (this.#stopping !== undefined) throw new MillraceError("CLOSED", "the pool was stopped; make another one");
    if (this.#isStarted) return;
    this.#isStarted = true;
    await this.#grow();
  }

  /** Stops all workers as `DistributedWorker.stop` does. Idempotent; a shorter time hurries a stop that is underway. */
  async stop(options: StopOptions = {}): Promise<void> {
    const stopped = Promise.all(this.#members.map(({ worker }) => worker.stop(options)));
    this.#stopping ??= stopped.then(() => undefined);
    await stopped;
    await this.#stopping;
  }

  /** Resolves when all workers have ended; rejects with what ended one that nobody stopped. */
  async join(): Promise<void> {
    while (this.#members.length > 0) await Promise.all(this.#members.map(({ ended }) => ended));
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** How each worker is, by its own word. */
  health(): readonly WorkerReport[] {
    return this.#members.map(({ worker }) => worker.health());
  }

  /** Changes the number of workers. Those that are too many drain first; resolves when it is so. */
  async scale(workers: number, options: StopOptions = {}): Promise<void> {
    this.#size = checkSize(workers);
    if (!this.#isStarted || this.#stopping !== undefined) return;
    const surplus = this.#members.slice(this.#size);
    await Promise.all([this.#grow(), ...surplus.map(({ worker }) => worker.stop(options))]);
  }

  /** The same as `stop()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #grow(): Promise<void> {
    const missing = Math.max(0, this.#size - this.#members.length);
    const started = await Promise.allSettled(Array.from({ length: missing }, () => this.#add()));
    const failed = started.find((one) => one.status === "rejected");
    if (failed === undefined) return;
    await this.stop({ drain: 0 });
    throw failed.reason;
  }

  /** Resolves when the new worker has signed on. */
  async #add(): Promise<void> {
    const worker = this.#makeWorker();
    const member: Member = { worker, ended: this.#run(worker) };
    this.#members.push(member);
    void member.ended.then(() => {
      this.#members.splice(this.#members.indexOf(member), 1);
    });
    await worker.ready();
  }

  async #run(worker: DistributedWorker): Promise<void> {
    try {
      await worker.run();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  #makeWorker(): DistributedWorker {
    const { workers: _, workerId, ...options } = this.#options;
    this.#made += 1;
    return new DistributedWorker({
      ...options,
      ...(workerId === undefined ? {} : { workerId: `${workerId}-${this.#made}` }),
    });
  }
}

function checkSize(workers: number): number {
  if (Number.isSafeInteger(workers) && workers >= 0 && workers <= MOST_WORKERS) return workers;
  throw new MillraceError("INVALID_CONFIG", `workers must be a whole number from 0 to ${MOST_WORKERS}`);
}
