/**
 * Runs everything that is to be written, in transactions that take the write lock at once. All writes that are there when
 * a transaction begins share it and its one sync to disk; each is fenced off by a savepoint, so that one that fails
 * leaves no trace and takes no other along. Invariants: a promise resolves only after its transaction is on disk as asked, and the event loop never
 * waits for a lock.
 */

import { MillraceError } from "../../core/errors.ts";
import { Blockades } from "../synchronous/blockades.ts";
import type { Executor } from "../synchronous/row-store.ts";
import type { Database } from "./database.ts";
import { type LockWaiting, waitForLock } from "./lock-waiting.ts";
import { type StoreTrouble, troubleOf } from "./store-errors.ts";

export interface ExecutorOptions {
  readonly db: Database;
  readonly waiting: LockWaiting;
  /** Called first in every transaction: others may have written since the last one. */
  readonly onBegin: () => void;
  /** Called whenever anything was rolled back. */
  readonly onRollback: () => void;
  /** Called after a transaction that wrote. */
  readonly onCommit: () => void;
  /** Called before a transaction that follows one which found no room, until it is true. Throws when there is none. */
  readonly makeRoom: () => boolean;
  /** Called once nothing runs any more; frees the database. */
  readonly onClose: () => void;
}

interface Job {
  run(): void;
  resolve(): void;
  reject(error: unknown): void;
  /** It has lost a transaction to others, or others to it: next time it gets one of its own. */
  alone: boolean;
  /** It has found no room before; when it finds none again, it fails. */
  crowdedOut: boolean;
}

/** A transaction takes in more work until so many syncs' worth of time has passed, within bounds. */
const SYNCS_WORTH = 8;
const SHORTEST_GROUP_MS = 8;
const LONGEST_GROUP_MS = 40;
/** Weight of the newest measurement. */
const SYNC_SMOOTHING = 0.2;

export class SqliteExecutor implements Executor {
  /** Whoever holds the lock keeps every process from writing. */
  readonly blockades: Blockades;
  readonly #options: ExecutorOptions;
  readonly #queue: Job[] = [];
  #draining: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Set once the disk has not confirmed a write: what would be written after that could be lost without a word. */
  #broken: unknown;
  #syncMs = 0;
  /** Since when the write lock is asked for in vain. */
  #blockedSince: number | undefined;
  #wasFull = false;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.blockades = new Blockades(options.waiting.clock);
  }

  write<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closing !== undefined) return reject(this.#closed());
      let result: (() => T) | undefined;
      this.#queue.push({
        run: () => {
          const value = work();
          result = () => value;
        },
        resolve: () => {
          if (result !== undefined) resolve(result());
        },
        reject: (error) => reject(this.#options.db.explain(error)),
        alone: false,
        crowdedOut: false,
      });
      this.#draining ??= this.#drain();
    });
  }

  async read<T>(work: () => T): Promise<T> {
    if (this.#closing !== undefined) throw this.#closed();
    const { db, waiting } = this.#options;
    try {
      return await waitForLock(() => this.#readNow(work), waiting);
    } catch (error) {
      throw db.explain(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#draining;
    this.#options.onClose();
  }

  /** One consistent view, also of several statements. */
  #readNow<T>(work: () => T): T {
    const { db, onBegin } = this.#options;
    this.#begin("BEGIN");
    try {
      onBegin();
      return work();
    } finally {
      db.rollback();
    }
  }

  /** Starts after the current turn, so that everything asked for in it goes into one transaction. */
  async #drain(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      await this.#runGroup();
      // What did not fit waits until others of the process had their turn.
      if (this.#queue.length > 0) await this.#options.waiting.clock.sleep(0);
    }
    this.#draining = undefined;
  }

  async #runGroup(): Promise<void> {
    const { onBegin, makeRoom } = this.#options;
    try {
      if (this.#broken !== undefined) throw this.#broken;
      if (this.#wasFull) this.#wasFull = !makeRoom();
      await this.#lock();
      onBegin();
    } catch (error) {
      for (const job of this.#queue.splice(0)) job.reject(error);
      this.#rollback();
      return;
    }
    const done: Job[] = [];
    try {
      this.#runJobs(done);
      this.#commit();
    } catch (error) {
      this.#undo(done, error);
      return;
    }
    for (const job of done) job.resolve();
  }

  async #lock(): Promise<void> {
    const { waiting } = this.#options;
    this.#blockedSince ??= waiting.clock.monotonic();
    await waitForLock(() => this.#begin("BEGIN IMMEDIATE"), waiting);
    this.blockades.note(waiting.clock.monotonic() - this.#blockedSince);
    this.#blockedSince = undefined;
  }

  #begin(sql: "BEGIN" | "BEGIN IMMEDIATE"): void {
    const { db } = this.#options;
    // Only the caller of a passed-in handle can have opened one; as with any lock, it will be over soon or never.
    if (db.isOpen && db.inTransaction)
      throw Object.assign(new Error("a transaction is open on the handle"), { code: "SQLITE_BUSY" });
    db.statement(sql).run();
  }

  /** Moves jobs from the queue to `done`, as long as the transaction lives. */
  #runJobs(done: Job[]): void {
    const { clock } = this.#options.waiting;
    const untilMs =
      clock.monotonic() + Math.min(LONGEST_GROUP_MS, Math.max(SHORTEST_GROUP_MS, SYNCS_WORTH * this.#syncMs));
    for (let job = this.#queue[0]; job !== undefined; job = this.#queue[0]) {
      if (done.length > 0 && (job.alone || clock.monotonic() >= untilMs)) return;
      this.#queue.shift();
      if (this.#runJob(job, done.length > 0 || (this.#queue.length > 0 && !job.alone))) done.push(job);
      if (job.alone) return;
    }
  }

  /**
   * False when the job failed by itself and was undone. Throws when the whole transaction is in doubt, or ends with the job
   * that had it for itself.
   */
  #runJob(job: Job, fenced: boolean): boolean {
    const { db, onRollback } = this.#options;
    if (fenced) db.statement("SAVEPOINT job").run();
    try {
      job.run();
    } catch (error) {
      if (isCrowdedOut(job, error)) throw new LostTransaction(error, job);
      job.reject(error);
      if (!fenced || isStoreFault(troubleOf(error)) || !db.inTransaction) throw new LostTransaction(error);
      db.statement("ROLLBACK TO job").run();
      db.statement("RELEASE job").run();
      onRollback();
      return false;
    }
    if (fenced) db.statement("RELEASE job").run();
    return true;
  }

  #commit(): void {
    const { db, onCommit, waiting } = this.#options;
    const startedAt = waiting.clock.monotonic();
    db.statement("COMMIT").run();
    this.#syncMs += SYNC_SMOOTHING * (waiting.clock.monotonic() - startedAt - this.#syncMs);
    onCommit();
  }

  /** Nothing of the transaction stays. Jobs that others took down with them get another chance, each by itself. */
  #undo(done: readonly Job[], error: unknown): void {
    const cause = error instanceof LostTransaction ? error.cause : error;
    this.#rollback();
    const trouble = troubleOf(cause);
    if (trouble === "sync") this.#broken = cause;
    if (trouble === "full") this.#wasFull = true;
    const again = this.#jobsToRunAgain(done, error, trouble);
    for (const job of done) if (!again.includes(job)) job.reject(cause);
    for (const job of again) job.alone = true;
    this.#queue.unshift(...again);
  }

  #jobsToRunAgain(done: readonly Job[], error: unknown, trouble: StoreTrouble | undefined): readonly Job[] {
    if (trouble === "sync" || trouble === "corrupt") return [];
    if (error instanceof LostTransaction) return error.job === undefined ? done : [...done, error.job];
    const [first, ...others] = done;
    if (trouble !== "full" || first === undefined) return [];
    return others.length > 0 || isCrowdedOut(first, error) ? done : [];
  }

  #rollback(): void {
    const { db, onRollback } = this.#options;
    try {
      db.rollback();
    } catch {
      // The error that led here tells more.
    }
    onRollback();
  }

  #closed(): MillraceError {
    return new MillraceError("CLOSED", `${this.#options.db.location} has been closed`);
  }
}

/** The transaction that a job ran in is gone, or must go, because the store itself failed under it. */
class LostTransaction extends Error {
  /** The job that was stopped by it and is to be run again; absent if it has failed. */
  readonly job: Job | undefined;

  constructor(cause: unknown, job?: Job) {
    super("the transaction was lost", { cause });
    this.job = job;
  }
}

/** Whether it found no room for the first time: some is made, and it is tried again. */
function isCrowdedOut(job: Job, error: unknown): boolean {
  if (job.crowdedOut || troubleOf(error) !== "full") return false;
  job.crowdedOut = true;
  return true;
}

function isStoreFault(trouble: StoreTrouble | undefined): boolean {
  return trouble === "full" || trouble === "io" || trouble === "sync" || trouble === "corrupt" || trouble === "busy";
}
