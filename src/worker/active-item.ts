/**
 * One claimed item on its worker: its attempt, its abort signal, and how far it has come. It is also what the attempt's
 * body talks to while it runs. It decides nothing; the work loop does. Invariant: once it has ended, nothing that its
 * body still does reaches the store.
 */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { Page } from "../backend/contract/run.ts";
import type { HeldItem } from "../backend/contract/session.ts";
import type { Arrival } from "../backend/contract/work-item.ts";
import { MillraceError } from "../core/errors.ts";
import type { Logger, Random } from "../core/ports.ts";
import { Attempt, type AttemptHost } from "../execution/attempt.ts";
import { itemIdOf } from "../execution/node-arguments.ts";
import type { Program } from "../execution/program.ts";
import type { ChildResult } from "../execution/wait-answer.ts";
import { readChild } from "../stores/run-output.ts";
import type { Asked } from "./outage.ts";
import { ProgressNotes } from "./progress-notes.ts";
import type { ItemEvent } from "./worker-callbacks.ts";

/** What all items of a worker share. */
export interface ItemSurroundings {
  readonly workerId: string;
  readonly session: string;
  readonly operations: BackendOperations;
  readonly random: Random;
  readonly logger: Logger;
  now(): number;
  /** Rejects with the signal's reason. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Tries again while the store is out of reach. Rejects with the signal's reason, or with what is definite. */
  surely<T>(ask: () => Promise<T>, asked: Asked, signal: AbortSignal): Promise<T>;
  heartbeat(item: ActiveItem, details: unknown): void;
}

/** The code of an attempt that ran out of time, and when that is, in the worker's monotonic time. */
export interface TimeLimit {
  readonly at: number;
  readonly code: "TIMEOUT" | "DEADLINE";
}

export class ActiveItem implements AttemptHost {
  readonly claimed: ClaimedItem;
  readonly key: string;
  readonly limit: TimeLimit;
  readonly attempt: Attempt;
  /** `running`: it has a slot. `finished`: its outcome waits to be committed. `ended`: nobody waits for it any more. */
  state: "running" | "finished" | "ended" = "running";
  /** Grows with every execution, so that the result of one that was given up is recognised. */
  execution = 0;
  /** The store could not take its commit, and a failure is to be committed instead. */
  isReplaced = false;
  /** Its context must not be older than this. */
  knownSequence: number;
  readonly #surroundings: ItemSurroundings;
  #progress: ProgressNotes | undefined;
  #controller: AbortController | undefined;
  #aborted: MillraceError | undefined;

  constructor(claimed: ClaimedItem, program: Program, limit: TimeLimit, surroundings: ItemSurroundings) {
    this.claimed = claimed;
    this.key = itemIdOf(claimed.item);
    this.limit = limit;
    this.knownSequence = claimed.run.sequence;
    this.#surroundings = surroundings;
    this.attempt = new Attempt(claimed, program, this);
  }

  get runId(): string {
    return this.claimed.item.runId;
  }

  get random(): Random {
    return this.#surroundings.random;
  }

  get logger(): Logger {
    return this.#surroundings.logger;
  }

  get held(): HeldItem {
    const { item, run } = this.claimed;
    return { runId: item.runId, item: item.item, epoch: item.epoch, generation: run.generation };
  }

  /** For callbacks. */
  get event(): ItemEvent {
    const { item, run } = this.claimed;
    return {
      workerId: this.#surroundings.workerId,
      runId: item.runId,
      workflow: run.workflow,
      version: run.version,
      itemId: this.key,
      node: item.node,
      attempt: item.attempts + 1,
    };
  }

  /** Whether this execution still counts. */
  isAt(execution: number): boolean {
    return this.execution === execution && this.state === "running";
  }

  now(): number {
    return this.#surroundings.now();
  }

  /** Made when a body first asks for it. */
  signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  async sleep(ms: number): Promise<void> {
    await this.#surroundings.sleep(ms, this.signal());
  }

  heartbeat(details: unknown): void {
    if (this.state !== "running") return;
    this.#surroundings.heartbeat(this, details);
    if (details === undefined) return;
    this.#progress ??= this.#notes();
    this.#progress.note(details);
  }

  #notes(): ProgressNotes {
    const { runId, item, epoch } = this.claimed.item;
    const { operations, session, logger } = this.#surroundings;
    return new ProgressNotes({
      now: () => this.now(),
      sleep: (ms, signal) => this.#surroundings.sleep(ms, signal),
      put: (details) => operations.putProgress({ runId, item, epoch, session, details }),
      dropped: (error) => logger.debug("progress was dropped", { itemId: this.key, error: String(error) }),
    });
  }

  async readArrivals(cursor: string | undefined): Promise<Page<Arrival>> {
    const { runId, joins, node } = this.claimed.item;
    if (joins === undefined) return { entries: [] };
    const { operations, surely } = this.#surroundings;
    return await surely(() => operations.read.arrivals(runId, joins, node, { cursor }), "read", this.signal());
  }

  async readChild(runId: string): Promise<ChildResult> {
    const { operations, surely } = this.#surroundings;
    return await surely(() => readChild(operations, runId), "read", this.signal());
  }

  async putMemo(name: string, value: Uint8Array): Promise<boolean> {
    const { runId, item, epoch } = this.claimed.item;
    const { operations, surely, session } = this.#surroundings;
    const memo = { runId, item, epoch, session, name, value };
    return await surely(() => operations.putMemo(memo), "write", this.signal());
  }

  /** Aborts the signal of the body. Only the first reason counts. */
  abort(reason: MillraceError): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
  }

  /** Ends it without a commit: what its body still does is dropped. */
  giveUp(reason: MillraceError): void {
    this.state = "ended";
    this.#progress?.end();
    this.execution += 1;
    this.abort(reason);
    this.attempt.drop();
  }

  /** The body is over: its signal means nothing any more, but what it left behind may still be listening. */
  settle(): void {
    this.state = "ended";
    this.#progress?.end();
    this.execution += 1;
  }
}

/** Why an item was taken from its body. */
export function revocation(
  code: "RUN_CLOSED" | "STALE_LEASE" | "CANCELLED" | "TIMEOUT" | "DEADLINE",
  item: ActiveItem,
  why: string,
): MillraceError {
  const { runId, node, item: number } = item.claimed.item;
  const itemId = itemIdOf({ runId, item: number });
  return new MillraceError(code, why, { runId, node, itemId, attempt: item.claimed.item.attempts + 1 });
}
