/**
 * Keeps a session alive and listens to what the store says about it. The main loop's heartbeat renews, tells the worker's
 * health, and hears which items were closed or lost. Where the backend lives in this process the session is attached to
 * it; where it can be reached from another thread, that thread renews too, so that a body which blocks the main loop
 * keeps its lease. Invariant: nothing renews a session whose main loop has stood still for too long.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { HeldItem, WorkerHealth } from "../backend/contract/session.ts";
import type { Clock, Logger, Timer } from "../core/ports.ts";
import type { Outage } from "./outage.ts";
import { startRenewalThread } from "./threaded-renewal.ts";

/** What a keeper tells its worker and asks of it. */
export interface LeaseWatcher {
  held(): readonly HeldItem[];
  health(): WorkerHealth;
  revoked(item: HeldItem, why: "closed" | "lost"): void;
  gone(): void;
}

export interface LeaseKeeperPorts {
  readonly operations: BackendOperations;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly outage: Outage;
}

/** How often a lease is renewed in its life. */
const RENEWALS_PER_LEASE = 3;

export class LeaseKeeper {
  readonly #ports: LeaseKeeperPorts;
  readonly #session: string;
  readonly #leaseMs: number;
  readonly #watcher: LeaseWatcher;
  #stops: (() => void)[] = [];
  #beat: (() => void) | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #isStopped = false;
  #underway: Promise<void> = Promise.resolve();

  constructor(ports: LeaseKeeperPorts, session: string, leaseMs: number, watcher: LeaseWatcher) {
    this.#ports = ports;
    this.#session = session;
    this.#leaseMs = leaseMs;
    this.#watcher = watcher;
  }

  start(): void {
    const { operations, logger } = this.#ports;
    const detach = operations.attachSession?.(this.#session);
    if (detach !== undefined) this.#stops.push(detach);
    if (operations.capabilities.renewal === "thread" && operations.renewalUrl !== undefined) {
      const thread = startRenewalThread({
        url: operations.renewalUrl,
        namespace: operations.namespace,
        session: this.#session,
        everyMs: this.#everyMs,
        logger,
      });
      this.#beat = () => thread.beat();
      this.#stops.push(() => thread.stop());
    }
    this.#schedule(this.#everyMs);
  }

  /** Renews now, to hear at once what became of the items. */
  async renew(): Promise<void> {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#underway = this.#underway.then(() => this.#renewOnce());
    await this.#underway;
  }

  /** Stops renewing. Waits for a renewal that is underway. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const stop of this.#stops) stop();
    this.#stops = [];
    await this.#underway;
  }

  get #everyMs(): number {
    return Math.max(1, Math.floor(this.#leaseMs / RENEWALS_PER_LEASE));
  }

  #schedule(ms: number): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.setTimer(ms, () => void this.renew()).unref();
  }

  async #renewOnce(): Promise<void> {
    if (this.#isStopped) return;
    this.#beat?.();
    const { operations, outage } = this.#ports;
    const held = this.#watcher.held();
    try {
      const answer = await operations.renew({ session: this.#session, held, health: this.#watcher.health() });
      outage.recovered();
      this.#failures = 0;
      if (this.#isStopped) return;
      if (answer.kind === "gone") {
        this.#watcher.gone();
        return;
      }
      for (const { runId, item, why } of answer.revoked) {
        const mine = held.find((one) => one.runId === runId && one.item === item);
        if (mine !== undefined && why !== "paused") this.#watcher.revoked(mine, why);
      }
      this.#schedule(this.#everyMs);
    } catch (error) {
      if (this.#isStopped) return;
      this.#failures += 1;
      this.#schedule(Math.min(this.#everyMs, outage.failed(error, this.#failures)));
    }
  }
}
