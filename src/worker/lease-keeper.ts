/**
 * Keeps a session alive and listens to what the store says about it. The main loop's heartbeat renews, tells the worker's
 * health, and hears which items were closed or lost. Where the backend lives in this process the session is attached to
 * it; where it can be reached from another thread, that thread renews too, so that a body which blocks the main loop
 * keeps its lease; and while nothing is held and nothing has changed, it alone renews. Invariant: nothing renews a session
 * whose main loop has stood still for too long.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { HeldItem, WorkerHealth } from "../backend/contract/session.ts";
import type { Clock, Logger, Timer } from "../core/ports.ts";
import { GIVEN_UP, unlessAborted, within } from "./giving-up.ts";
import type { Outage } from "./outage.ts";
import { type RenewalThread, type RenewalTrouble, startRenewalThread } from "./threaded-renewal.ts";

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
  /** If absent, a thread of this process. */
  readonly startThread?: typeof startRenewalThread | undefined;
}

/** How often a lease is renewed in its life. */
const RENEWALS_PER_LEASE = 3;
/** How long the thread may take to begin before the worker begins without it. */
const THREAD_START_MS = 15_000;
const ALONE = "leases are renewed on the main thread alone";

export class LeaseKeeper {
  readonly #ports: LeaseKeeperPorts;
  readonly #session: string;
  readonly #leaseMs: number;
  readonly #watcher: LeaseWatcher;
  #stops: (() => void)[] = [];
  #thread: RenewalThread | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  /** It was said that the main loop renews alone. */
  #isAlone = false;
  /** The health that the store was told last, as text. */
  #told = "";
  #isStopped = false;
  #underway: Promise<void> = Promise.resolve();

  constructor(ports: LeaseKeeperPorts, session: string, leaseMs: number, watcher: LeaseWatcher) {
    this.#ports = ports;
    this.#session = session;
    this.#leaseMs = leaseMs;
    this.#watcher = watcher;
  }

  /**
   * Begins. Resolves when leases will be kept as well as they can be: with a thread, once that has renewed, or once it is
   * clear that it will not for now, which is logged. At the latest when the signal is aborted. Never rejects.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { operations, clock, logger, startThread = startRenewalThread } = this.#ports;
    const { capabilities, renewalUrl, namespace } = operations;
    const detach = operations.attachSession?.(this.#session);
    if (detach !== undefined) this.#stops.push(detach);
    this.#schedule(this.#everyMs);
    if (capabilities.renewal !== "thread") return;
    if (renewalUrl === undefined) {
      logger.warn(`${ALONE}: the backend names no URL for a second connection`, {});
      return;
    }
    const thread = startThread({
      url: renewalUrl,
      namespace,
      durability: capabilities.durability,
      session: this.#session,
      everyMs: this.#everyMs,
      renewing: () => this.#helped(),
      resting: (trouble) => void this.#left(trouble),
    });
    this.#thread = thread;
    this.#stops.push(() => thread.stop());
    const begun = await unlessAborted(within(thread.begun, THREAD_START_MS, clock), signal);
    if (begun !== GIVEN_UP || signal.aborted) return;
    this.#isAlone = true;
    logger.warn(`${ALONE}: the renewal thread has not begun yet`, { waitedMs: THREAD_START_MS });
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

  /** The thread renews no more, or not yet. If the store fails from here as well, that is what is to be said. */
  async #left(trouble: RenewalTrouble | undefined): Promise<void> {
    await this.renew();
    if (trouble === undefined || this.#isStopped || this.#isAlone || this.#failures > 0) return;
    if (this.#thread?.isRenewing === true) return;
    this.#isAlone = true;
    this.#ports.logger.warn(`${ALONE}: the renewal thread ${trouble.problem}`, { error: trouble.error });
  }

  #helped(): void {
    if (this.#isAlone) this.#ports.logger.info("the renewal thread renews the leases", {});
    this.#isAlone = false;
  }

  get #everyMs(): number {
    return Math.max(1, Math.floor(this.#leaseMs / RENEWALS_PER_LEASE));
  }

  #schedule(ms: number): void {
    if (this.#isStopped) return;
    this.#timer?.cancel();
    this.#timer = this.#ports.clock.setTimer(Math.max(1, ms), () => void this.#beat()).unref();
  }

  async #beat(): Promise<void> {
    this.#thread?.beat();
    if (this.#isNews()) await this.renew();
    else this.#schedule(this.#everyMs);
  }

  /** Whether a renewal from here is good for anything: a session that holds nothing is kept by its thread as well. */
  #isNews(): boolean {
    if (this.#thread?.isRenewing !== true || this.#ports.outage.isOngoing) return true;
    return this.#watcher.held().length > 0 || textOf(this.#watcher.health()) !== this.#told;
  }

  async #renewOnce(): Promise<void> {
    if (this.#isStopped) return;
    const { operations, clock, outage } = this.#ports;
    const held = this.#watcher.held();
    const health = this.#watcher.health();
    const sentAt = clock.monotonic();
    try {
      const answer = await operations.renew({ session: this.#session, held, health });
      outage.answered("renewal", sentAt);
      this.#failures = 0;
      this.#told = textOf(health);
      if (this.#isStopped) return;
      if (answer.kind === "gone") {
        this.#watcher.gone();
        return;
      }
      for (const { runId, item, why } of answer.revoked) {
        const mine = held.find((one) => one.runId === runId && one.item === item);
        if (mine !== undefined && why !== "paused") this.#watcher.revoked(mine, why);
      }
      // A store that takes its time to answer makes leases no shorter.
      this.#schedule(this.#everyMs - (clock.monotonic() - sentAt));
    } catch (error) {
      if (this.#isStopped) return;
      this.#failures += 1;
      this.#schedule(Math.min(this.#everyMs, outage.failed(error, this.#failures, "renewal", sentAt)));
    }
  }
}

function textOf(health: WorkerHealth): string {
  return JSON.stringify(health);
}
