/**
 * The loop of a worker: one request to the store at a time, which commits what has finished meanwhile and claims as many
 * items as there are free slots; then it sleeps until something has changed. The busier it is, the larger its batches
 * become by themselves. It cannot die: whatever the store does, it waits and carries on, until it is told to stop.
 * Invariant: a claim never asks for more than there are free slots.
 */

import type { Claim, CommitAndClaimAnswer } from "../backend/contract/claim.ts";
import { engineFailure, isMillraceError } from "../core/errors.ts";
import type { Timer } from "../core/ports.ts";
import { nextTurn } from "../core/ports-turn.ts";
import { ClaimPace } from "./claim-pace.ts";
import type { ItemExecutor } from "./item-executor.ts";
import { Notifier } from "./notifier.ts";
import type { Outage } from "./outage.ts";
import type { Batch } from "./outbox.ts";
import type { Programs } from "./programs.ts";
import type { Exchange, SessionChannel } from "./session-channel.ts";
import type { WorkerSettings } from "./worker-options.ts";

/** How long a loop whose time to drain is over goes on trying to give its items back. */
const FAREWELL_MS = 5_000;
/** Longest sleep while there is nothing to wait for but a body: its timer keeps the process alive. */
const LONGEST_WAIT_MS = 60_000;

export interface WorkLoopPorts {
  readonly settings: WorkerSettings;
  readonly programs: Programs;
  readonly executor: ItemExecutor;
  readonly outage: Outage;
  /** The session is gone: another one, or `undefined` if the backend is closed. */
  reopen(): Promise<SessionChannel | undefined>;
}

export class WorkLoop {
  readonly #ports: WorkLoopPorts;
  readonly #notifier: Notifier;
  readonly #pace: ClaimPace;
  readonly #claim: Omit<Claim, "limit" | "stalledLimit" | "graceMs">;
  /** Aborted when not even waiting for an answer makes sense any more. */
  readonly #over = new AbortController();
  #channel: SessionChannel;
  #offsetMs = 0;
  #isDraining = false;
  #isLost = false;
  /** Commits that are to go one by one. */
  #singly = 0;
  #drainTimer: { readonly at: number; readonly timer: Timer } | undefined;

  constructor(channel: SessionChannel, ports: WorkLoopPorts) {
    const { clock, random, pollMs, queues, labels, maxStalls } = ports.settings;
    this.#channel = channel;
    this.#ports = ports;
    this.#notifier = new Notifier(clock);
    this.#pace = new ClaimPace(clock, random, pollMs);
    const { programs } = ports;
    this.#claim = { queues: queues ?? programs.queues, definitions: programs.hashes, labels, maxStalls };
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Whether a request is underway: hints that come now are most likely about what it does itself. */
  get isAsking(): boolean {
    return this.#pace.isUnderway;
  }

  /** The backend's time, as well as it is known. */
  now(): number {
    return this.#ports.settings.clock.now() + this.#offsetMs;
  }

  /** Something that the loop waits for may have happened. */
  changed(): void {
    this.#notifier.notify();
  }

  /** The store hints at something to claim; vaguely, if it only knows that something has changed. */
  hinted(isVague: boolean): void {
    if (isVague) this.#pace.vagueHint();
    else this.#pace.hint();
    this.#notifier.notify();
  }

  /** The session was found to be gone by somebody else. */
  lose(): void {
    this.#isLost = true;
    this.#notifier.notify();
  }

  /** Works until it has drained. */
  async run(): Promise<void> {
    const { executor } = this.#ports;
    while (!this.#isOver()) {
      if (this.#isLost) await this.#reopen();
      else if (this.#hasWork()) {
        await this.#round(this.#slots());
        await nextTurn();
      } else await this.#notifier.wait(this.#slots() > 0 ? this.#pace.waitMs : LONGEST_WAIT_MS);
    }
    this.#drainTimer?.timer.cancel();
    executor.close();
  }

  /** Claims one item and sees it through. Resolves when there was none, or when its outcome is known. */
  async once(): Promise<{ readonly claimed: boolean }> {
    const { executor } = this.#ports;
    const { concurrency } = this.#ports.settings;
    const claimed = await this.#round(Math.min(1, concurrency));
    while (executor.items.size > 0 && !this.#over.signal.aborted && !this.#isLost) {
      if (executor.outbox.size > 0) await this.#round(0);
      else await this.#notifier.wait(LONGEST_WAIT_MS);
    }
    if (this.#isLost) await this.#reopen();
    return { claimed: claimed > 0 };
  }

  /** Claims nothing more; after `ms` gives back what has not finished. May be called again to hurry. */
  drain(ms: number): void {
    const { clock } = this.#ports.settings;
    const at = clock.monotonic() + ms;
    this.#isDraining = true;
    if (this.#drainTimer === undefined || this.#drainTimer.at > at) {
      this.#drainTimer?.timer.cancel();
      this.#drainTimer = { at, timer: clock.setTimer(ms, () => this.#timeToGo()) };
    }
    this.#notifier.notify();
  }

  #timeToGo(): void {
    this.#ports.executor.releaseAll("the worker is stopping");
    const timer = this.#ports.settings.clock.setTimer(FAREWELL_MS, () => {
      this.#over.abort();
      this.#notifier.notify();
    });
    this.#drainTimer = { at: Number.NEGATIVE_INFINITY, timer };
    this.#notifier.notify();
  }

  #isOver(): boolean {
    if (this.#over.signal.aborted) return true;
    return this.#isDraining && this.#ports.executor.items.size === 0;
  }

  #slots(): number {
    const { settings, executor } = this.#ports;
    return this.#isDraining ? 0 : Math.max(0, settings.concurrency - executor.items.running);
  }

  #hasWork(): boolean {
    return this.#ports.executor.outbox.size > 0 || (this.#slots() > 0 && this.#pace.isHungry);
  }

  /** One request; the number of items claimed. */
  async #round(slots: number): Promise<number> {
    const { executor, settings } = this.#ports;
    executor.expire();
    const isCareful = this.#singly > 0;
    const batch = executor.take(isCareful ? 1 : settings.batch);
    const claim = slots > 0 && !isCareful ? this.#claimFor(slots) : undefined;
    if (isCareful) this.#singly -= 1;
    if (claim === undefined && batch.commits.length === 0) return 0;
    this.#pace.asked();
    const exchange = await this.#channel.exchange(batch.commits, claim, this.#over.signal);
    switch (exchange.kind) {
      case "answered":
        return this.#answered(batch, claim, exchange);
      case "gone":
        this.#isLost = true;
        break;
      case "refused":
        this.#refused(batch, exchange.error);
        break;
      case "abandoned":
        break;
    }
    this.#pace.unanswered();
    return 0;
  }

  #claimFor(limit: number): Claim {
    const { executor, outage } = this.#ports;
    const stalledLimit = executor.items.hasStalled ? 0 : 1;
    return { ...this.#claim, limit, stalledLimit, graceMs: outage.graceMs() };
  }

  #answered(
    batch: Batch,
    claim: Claim | undefined,
    { answer, sentAt }: Exchange & { readonly kind: "answered" },
  ): number {
    this.#learnTime(answer);
    const { executor } = this.#ports;
    const { items, now, nextDueAt } = answer;
    if (claim === undefined) this.#pace.unanswered();
    else this.#pace.answered(claim.limit, items.length, nextDueAt === undefined ? undefined : nextDueAt - now);
    executor.settle(batch, answer.answers);
    // The stalled item that kept others like it from being claimed is done; the store had no reason to name them as due.
    if (claim?.stalledLimit === 0 && !executor.items.hasStalled) this.#pace.look();
    for (const item of items) executor.accept(item, sentAt);
    return items.length;
  }

  #learnTime({ now }: CommitAndClaimAnswer): void {
    this.#offsetMs = now - this.#ports.settings.clock.now();
  }

  /** A request that the store cannot digest: its commits go one by one, and one that it cannot digest alone becomes a failure. */
  #refused(batch: Batch, error: unknown): void {
    const { executor, settings } = this.#ports;
    const message = error instanceof Error ? error.message : "unknown";
    const commits = batch.commits.length;
    settings.logger.error("the store refuses a request", { commits, error: message });
    if (commits === 0) this.#pace.postpone();
    else if (isMillraceError(error, "COMMIT_CONFLICT")) this.#isLost = true;
    else if (commits > 1) {
      executor.putBack(batch);
      this.#singly = commits;
    } else if (!executor.replace(batch, engineFailure("INTERNAL", `the store cannot take the commit: ${message}`))) {
      this.#isLost = true;
    }
  }

  async #reopen(): Promise<void> {
    const { executor, reopen } = this.#ports;
    executor.giveUpAll("the worker's session is gone");
    const channel = await reopen();
    this.#isLost = false;
    if (channel === undefined) this.#over.abort();
    else this.#channel = channel;
    this.#pace.look();
  }
}
