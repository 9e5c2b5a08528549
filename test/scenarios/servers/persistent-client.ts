/**
 * Whoever starts runs and sends events while the store is in trouble: it makes each request again until it is answered,
 * under the same key or id, and remembers what it was promised. What it remembers is the measure of what was lost.
 */

import { setTimeout as passed } from "node:timers/promises";
import { isTerminalRun } from "../../../src/core/status.ts";
import { type Backend, DistributedOrchestrator, isMillraceError, type RunHandle } from "../../../src/index.ts";
import type { Chance } from "../harness/seed.ts";
import { APPROVALS, approved, type Load, mixture } from "../workflows/mixture.ts";

export interface Promised {
  readonly handle: RunHandle;
  readonly load: Load;
}

const PAUSE_MS = 30;
/** Runs of one strand that have not ended: with more of them, what is shown in the end would be patience. */
const AHEAD = 4;

export class PersistentClient {
  readonly promised: Promised[] = [];
  /** Requests that were made again. */
  repeated = 0;
  readonly #backend: Backend;
  readonly #orchestrator: DistributedOrchestrator;
  readonly #chance: Chance;
  #isOver = false;

  constructor(backend: Backend, chance: Chance) {
    this.#backend = backend;
    this.#orchestrator = new DistributedOrchestrator({ backend, workflows: [mixture] });
    this.#chance = chance;
  }

  /** Starts runs on several strands until it is told to stop; ends when all that it began is promised. */
  async work(strands: number, everyMs: number): Promise<void> {
    await Promise.all(Array.from({ length: strands }, (_, strand) => this.#strand(strand, everyMs)));
  }

  async #strand(strand: number, everyMs: number): Promise<void> {
    const unfinished: RunHandle[] = [];
    for (let number = 1; !this.#isOver; number += 1) {
      const load = { width: 1 + this.#chance.upTo(6), workMs: this.#chance.upTo(20) };
      const idempotencyKey = `order-${strand}-${number}`;
      const handle = await this.insist(() => this.#orchestrator.startRun(mixture, load, { idempotencyKey }));
      await this.approve(handle.id);
      this.promised.push({ handle, load });
      unfinished.push(handle);
      while (!this.#isOver && unfinished.length >= AHEAD) {
        await passed(everyMs);
        const [oldest] = unfinished;
        if (oldest !== undefined && (await this.#hasEnded(oldest))) unfinished.shift();
      }
    }
  }

  /** Sends the events that a run waits for. Those that it has had have no second effect. */
  async approve(runId: string): Promise<void> {
    for (const payload of APPROVALS) await this.#send(runId, payload);
  }

  stop(): void {
    this.#isOver = true;
  }

  /** Asks again for as long as the store is out of reach or full. */
  async insist<T>(request: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await request();
      } catch (error) {
        if (!isMillraceError(error, "BACKEND_UNAVAILABLE") && !isMillraceError(error, "STORE_FULL")) throw error;
        this.repeated += 1;
        await passed(PAUSE_MS);
      }
    }
  }

  /** A run that is gone has nothing to wait for; that it is gone is found out in the end. */
  async #hasEnded(handle: RunHandle): Promise<boolean> {
    try {
      return isTerminalRun(await this.insist(() => handle.status()));
    } catch (error) {
      if (isMillraceError(error, "RUN_NOT_FOUND")) return true;
      throw error;
    }
  }

  async #send(key: string, payload: number): Promise<void> {
    const bytes = new TextEncoder().encode(JSON.stringify(payload));
    const event = { name: approved.name, key, payload: bytes, id: `${payload} of ${key}` };
    await this.insist(() => this.#backend.operations.sendEvents([event]));
  }
}
