/**
 * The loop of a worker: one request to the store at a time, which commits what has finished meanwhile and claims as many
 * items as there are free slots; then it sleeps until something has changed. The busier it is, the larger its batches
 * become by themselves. When it is idle it only looks whether there is something to claim, where the store lets it, so that
 * it writes nothing. It cannot die: whatever the store does, it waits and carries on, until it is told to stop.
 * Invariant: a claim never asks for more than there are free slots.
 */

import type { Claim, CommitAndClaimAnswer, Peek } from "../backend/contract/claim.ts";
import { engineFailure, isMillraceError } from "../core/errors.ts";
import { nextTurn } from "../core/ports-turn.ts";
import { ClaimPace } from "./claim-pace.ts";
import type { ItemExecutor } from "./item-executor.ts";
import { LoopEnd } from "./loop-end.ts";
import { Notifier } from "./notifier.ts";
import { isOutage, type Outage, shownMessage } from "./outage.ts";
import type { Batch } from "./outbox.ts";
import type { Programs } from "./programs.ts";
import type { Exchange, SessionChannel } from "./session-channel.ts";
import type { WorkerSettings } from "./worker-options.ts";

/** Longest sleep while there is nothing to wait for but a body: its timer keeps the process alive. */
const LONGEST_WAIT_MS = 60_000;
/** Between two beginnings of a loop that fails by something that nobody expects. */
const STUMBLE_MS = 1_000;

export interface WorkLoopPorts {
  readonly settings: WorkerSettings;
  readonly programs: Programs;
  readonly executor: ItemExecutor;
  readonly outage: Outage;
  /** The session is gone: another one, or `undefined` if the backend is closed or the signal was aborted. Never rejects. */
  reopen(signal: AbortSignal): Promise<SessionChannel | undefined>;
}

export class WorkLoop {
  readonly #ports: WorkLoopPorts;
  readonly #notifier: Notifier;
  readonly #pace: ClaimPace;
  readonly #end: LoopEnd;
  readonly #claim: Omit<Claim, "limit" | "stalledLimit" | "graceMs">;
  #channel: SessionChannel;
  #offsetMs = 0;
  #isLost = false;
  /** Commits that are to go one by one. */
  #singly = 0;
  /** The store cannot be looked at without claiming from it. */
  #isBlind: boolean;

  constructor(channel: SessionChannel, ports: WorkLoopPorts) {
    const { programs, executor } = ports;
    const { clock, random, pollMs, queues, labels, maxStalls, operations } = ports.settings;
    this.#channel = channel;
    this.#ports = ports;
    this.#notifier = new Notifier(clock);
    this.#pace = new ClaimPace(clock, random, pollMs);
    this.#end = new LoopEnd({
      clock,
      hasItems: () => executor.items.size > 0,
      giveBack: () => executor.releaseAll("the worker is stopping"),
      changed: () => this.#notifier.notify(),
    });
    this.#isBlind = operations.peek === undefined;
    this.#claim = { queues: queues ?? programs.queues, definitions: programs.hashes, labels, maxStalls };
  }

  get isDraining(): boolean {
    return this.#end.draining.aborted;
  }

  /** Whether a request is underway: hints that come now are most likely about what it does itself. */
  get isAsking(): boolean {
    return this.#pace.isUnderway;
  }

  /** How long signing off may take. */
  get signOffMs(): number {
    return this.#end.signOffMs;
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
    while (!this.#isOver()) {
      try {
        await this.#turn();
      } catch (error) {
        await this.#stumbled(error);
      }
    }
    this.close();
  }

  /** Claims one item and sees it through. Resolves when there was none, or when its outcome is known. */
  async once(): Promise<{ readonly claimed: boolean }> {
    const { executor } = this.#ports;
    const { concurrency } = this.#ports.settings;
    const claimed = await this.#round(Math.min(1, concurrency));
    while (executor.items.size > 0 && !this.#end.over.aborted && !this.#isLost) {
      if (executor.outbox.size > 0) await this.#round(0);
      else await this.#notifier.wait(LONGEST_WAIT_MS);
    }
    if (this.#isLost) await this.#reopen();
    return { claimed: claimed > 0 };
  }

  /** Claims nothing more; after `ms` gives back what has not finished. May be called again to hurry. */
  drain(ms: number): void {
    this.#end.drain(ms);
  }

  /** Stops all timers. */
  close(): void {
    this.#end.close();
    this.#ports.executor.close();
  }

  async #turn(): Promise<void> {
    if (this.#isLost) await this.#reopen();
    else if (this.#hasWork()) {
      if (this.#isIdleLook()) await this.#look();
      else await this.#round(this.#slots());
      await nextTurn();
    } else await this.#notifier.wait(this.#slots() > 0 ? this.#pace.waitMs : LONGEST_WAIT_MS);
  }

  /** A bug of a backend, or one of ours: what was in hand is in doubt, so it begins anew with another session. */
  async #stumbled(error: unknown): Promise<void> {
    const { clock, logger } = this.#ports.settings;
    logger.error("the worker's loop failed and begins anew", { error: shownMessage(error) });
    this.#isLost = true;
    await clock.sleep(STUMBLE_MS, this.#end.draining).catch(() => undefined);
  }

  #isOver(): boolean {
    if (this.#end.over.aborted) return true;
    return this.isDraining && this.#ports.executor.items.size === 0;
  }

  #slots(): number {
    const { settings, executor } = this.#ports;
    return this.isDraining ? 0 : Math.max(0, settings.concurrency - executor.items.running);
  }

  #hasWork(): boolean {
    return this.#ports.executor.outbox.size > 0 || (this.#slots() > 0 && this.#pace.isHungry);
  }

  /** Whether there is nothing to do but to look, and that will most likely find nothing. A failing store is asked by a claim until it answers. */
  #isIdleLook(): boolean {
    const { executor, outage } = this.#ports;
    if (this.#isBlind || outage.isOngoing || this.#singly > 0) return false;
    return executor.outbox.size === 0 && !this.#pace.isSure;
  }

  /** Looks whether there is something to claim, for as long as there is nothing better to do. */
  async #look(): Promise<void> {
    const { operations, clock } = this.#ports.settings;
    const sentAt = clock.monotonic();
    const look: { found?: Peek; failure?: { readonly error: unknown } } = {};
    const asked = Promise.resolve(operations.peek?.(this.#claimFor(this.#slots()))).then(
      (found) => {
        if (found !== undefined) look.found = found;
      },
      (error: unknown) => {
        look.failure = { error };
      },
    );
    while (look.found === undefined && look.failure === undefined) {
      // What it will say is then of no use any more.
      if (this.#hasBetterToDo()) return;
      await this.#notifier.wait(LONGEST_WAIT_MS, asked);
    }
    if (look.failure !== undefined) this.#couldNotLook(look.failure.error, sentAt);
    if (look.found !== undefined) this.#looked(look.found, sentAt);
  }

  #hasBetterToDo(): boolean {
    return this.#ports.executor.outbox.size > 0 || this.#pace.isSure || this.#isLost || this.isDraining;
  }

  #looked(found: Peek, sentAt: number): void {
    const { ready, now, nextDueAt } = found;
    this.#ports.outage.answered("read", sentAt);
    this.#learnTime(found);
    this.#pace.peeked(ready, nextDueAt === undefined ? undefined : nextDueAt - now);
  }

  /** A claim will tell what there is, or what is wrong. */
  #couldNotLook(error: unknown, sentAt: number): void {
    const { outage, settings } = this.#ports;
    if (isOutage(error)) outage.failed(error, 1, "read", sentAt);
    else if (!isMillraceError(error, "CLOSED")) {
      this.#isBlind = true;
      const data = { error: shownMessage(error) };
      settings.logger.warn("the store cannot be looked at, so this worker claims to find out what is there", data);
    }
    this.#pace.look();
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
    const exchange = await this.#channel.exchange(batch.commits, claim, this.#end.over);
    switch (exchange.kind) {
      case "answered":
        return this.#answered(batch, claim, exchange);
      case "gone":
        this.#isLost = true;
        break;
      case "refused":
        this.#refused(batch, claim, exchange.error);
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

  #learnTime({ now }: Pick<CommitAndClaimAnswer, "now">): void {
    this.#offsetMs = now - this.#ports.settings.clock.now();
  }

  /**
   * A request that the store cannot digest: its commits go one by one and without a claim, and one that it cannot digest
   * alone becomes a failure. A claim alone is made again later.
   */
  #refused(batch: Batch, claim: Claim | undefined, error: unknown): void {
    const { executor, settings } = this.#ports;
    const message = shownMessage(error);
    const commits = batch.commits.length;
    if (commits > 0) settings.logger.error("the store refuses a request", { commits, error: message });
    // A request of this number was applied after all, with other content: only another session knows where it stands.
    if (isMillraceError(error, "COMMIT_CONFLICT")) this.#isLost = true;
    else if (commits === 0) this.#pace.refused();
    else if (commits > 1 || claim !== undefined) {
      executor.putBack(batch);
      this.#singly = commits;
    } else if (!executor.replace(batch, engineFailure("INTERNAL", `the store cannot take the commit: ${message}`))) {
      this.#isLost = true;
    }
  }

  async #reopen(): Promise<void> {
    const { executor, reopen } = this.#ports;
    executor.giveUpAll("the worker's session is gone");
    const channel = await reopen(this.#end.draining);
    this.#isLost = false;
    if (channel === undefined) this.#end.end();
    else this.#channel = channel;
    this.#pace.look();
  }
}
