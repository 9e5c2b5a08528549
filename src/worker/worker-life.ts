/**
 * One life of a worker against its backend: signs on, publishes, keeps its leases, works, signs off. It wires the parts
 * of this folder together and answers what they ask of each other; what they decide is theirs. When its session is lost
 * it opens another one and goes on. Invariant: what it started is stopped by `end`, in whatever state it is.
 */

import type { ContextTail, DefinitionRecord } from "../backend/contract/records.ts";
import type { HeldItem, WorkerHealth } from "../backend/contract/session.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import type { Timer } from "../core/ports.ts";
import { ScheduleKeeper } from "../schedules/schedule-keeper.ts";
import type { ActiveItem } from "./active-item.ts";
import type { Conclusion } from "./conclusion.ts";
import { ContextCache } from "./context-cache.ts";
import { unlessAborted, within } from "./giving-up.ts";
import { ItemExecutor } from "./item-executor.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { type Asked, isOutage, Outage, shownMessage } from "./outage.ts";
import { persistently } from "./persistence.ts";
import type { Programs } from "./programs.ts";
import { watchRejections } from "./rejections.ts";
import { keepRetention } from "./retention.ts";
import { SessionChannel } from "./session-channel.ts";
import { WorkLoop } from "./work-loop.ts";
import type { Observers } from "./worker-callbacks.ts";
import type { WorkerCounters } from "./worker-counters.ts";
import type { WorkerSettings } from "./worker-options.ts";

/** Least time between two renewals that are made only to hear of closed runs. */
const EARLY_RENEWAL_MS = 250;
/** How long signing off may take for a life that has not begun. */
const SIGN_OFF_MS = 1_000;
/** Between two looks at schedules that nothing hints at: what is due and was overlooked is told of by the store. */
const SCHEDULES_MS = 300_000;

/** What a life has in common with the ones before and after it. */
export interface WorkerIdentity {
  readonly settings: WorkerSettings;
  readonly programs: Programs;
  readonly observers: Observers;
  readonly counters: WorkerCounters;
}

export class WorkerLife {
  readonly #identity: WorkerIdentity;
  readonly #outage: Outage;
  readonly #executor: ItemExecutor;
  readonly #contexts: ContextCache;
  readonly #over = new AbortController();
  #loop: WorkLoop | undefined;
  #channel: SessionChannel | undefined;
  /** The session that was asked for last: open, or perhaps so. */
  #session: string | undefined;
  #keeper: LeaseKeeper | undefined;
  #stops: (() => void)[] = [];
  #schedules: ScheduleKeeper | undefined;
  #early: Timer | undefined;
  #lastConclusion: Conclusion | undefined;

  constructor(identity: WorkerIdentity) {
    const { settings, observers, programs } = identity;
    const { clock, random, logger, leaseMs, workerId, operations } = settings;
    this.#identity = identity;
    const onOutage = (error: unknown): void => observers.tell("onError", { workerId, error });
    this.#outage = new Outage({ clock, random, logger, onOutage }, leaseMs);
    this.#contexts = new ContextCache({
      tail: (runId, range) => this.#tail(runId, range),
      keep: (snapshot) => void operations.putSnapshot(snapshot).catch(() => undefined),
    });
    const life = this;
    this.#executor = new ItemExecutor({
      clock,
      programs,
      contexts: this.#contexts,
      surroundings: {
        workerId,
        operations,
        random,
        logger,
        get session() {
          return life.#channel?.id ?? "";
        },
        now: () => this.#loop?.now() ?? clock.now(),
        sleep: (ms, signal) => clock.sleep(ms, signal),
        surely: (ask, asked, signal) => this.#surely(ask, asked, signal),
        heartbeat: (item, details) => this.#heard(item, details),
      },
      readDefinition: (hash) => this.#definition(hash),
      changed: () => this.#loop?.changed(),
      started: (item) => this.#started(item),
      concluded: (conclusion) => this.#concluded(conclusion),
    });
  }

  /** Publishes and signs on. Rejects with `VERSION_CONFLICT`, `INVALID_WORKFLOW`, `CLOSED`, or the reason of `end`. */
  async begin(): Promise<void> {
    const { settings, programs, observers } = this.#identity;
    await this.#surely(() => this.#publish(), "write");
    await programs.loadOlder((hash) => this.#definition(hash));
    const channel = await this.#signOn(this.#over.signal, isOutage);
    this.#over.signal.throwIfAborted();
    if (channel === undefined) throw new MillraceError("CLOSED", "the backend has been closed");
    const loop = new WorkLoop(channel, {
      settings,
      programs,
      executor: this.#executor,
      outage: this.#outage,
      reopen: (signal) => this.#signOn(signal, () => true),
    });
    this.#loop = loop;
    this.#stops = [
      watchRejections(),
      settings.operations.subscribe((wakeup) => {
        if (wakeup.kind === "run") this.#hintedRun(wakeup.runId);
        else if (wakeup.kind !== "documents") loop.hinted(wakeup.kind === "any");
      }),
    ];
    const { retentionMs } = settings;
    if (retentionMs !== undefined) this.#stops.push(keepRetention({ ...settings, retentionMs }));
    if (settings.schedules) {
      this.#schedules = new ScheduleKeeper({ ...settings, lookMs: SCHEDULES_MS, holdsProcess: false }).start();
    }
    observers.tell("onStarted", { workerId: settings.workerId });
  }

  /** Works until it has drained, or its backend is closed. */
  async run(): Promise<void> {
    await this.#loop?.run();
  }

  /** Takes one item; how it ended, or `undefined` if there was none. */
  async once(): Promise<Conclusion | undefined> {
    this.#lastConclusion = undefined;
    await this.#loop?.once();
    return this.#lastConclusion;
  }

  /** Whether it was told to stop. */
  get isStopped(): boolean {
    return this.#over.signal.aborted || this.#loop?.isDraining === true;
  }

  /** See `WorkLoop.drain`. A life that has not begun ends at once. */
  drain(ms: number): void {
    if (this.#loop === undefined) this.#over.abort(new MillraceError("CANCELLED", "the worker was stopped"));
    else this.#loop.drain(ms);
  }

  /** Signs off and frees everything. Never rejects, and takes no longer than it was told to. */
  async end(): Promise<void> {
    const { settings, observers } = this.#identity;
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#early?.cancel();
    this.#loop?.close();
    this.#executor.close();
    // Where nobody answers, it goes on without anybody waiting for it; else the lease runs out.
    const goodbyes = Promise.all([this.#schedules?.stop(), this.#signOff()]);
    await within(goodbyes, this.#loop?.signOffMs ?? SIGN_OFF_MS, settings.clock);
    this.#over.abort(new MillraceError("CANCELLED", "the worker was stopped"));
    if (this.#loop !== undefined) observers.tell("onStopped", { workerId: settings.workerId });
  }

  health(): WorkerHealth {
    const { counters } = this.#identity;
    if (this.#loop === undefined) return counters.health([], "stopped");
    return counters.health(this.#executor.items, this.#loop.isDraining ? "draining" : "working");
  }

  /** With the last figures, so that they stay to be read. Never rejects. */
  async #signOff(): Promise<void> {
    const { operations, logger } = this.#identity.settings;
    const session = this.#session;
    this.#session = undefined;
    const health = this.health();
    await this.#keeper?.stop();
    if (session === undefined) return;
    try {
      if (this.#loop !== undefined) await operations.renew({ session, health });
      await operations.closeSession(session);
    } catch (error) {
      logger.debug("the worker could not sign off", { error: shownMessage(error) });
    }
  }

  async #publish(): Promise<void> {
    const { settings, programs } = this.#identity;
    const { records } = programs;
    const outcomes = await settings.operations.publish(records, { replace: settings.development });
    const conflicts = records
      .filter((_, at) => outcomes[at]?.kind === "conflict")
      .map(({ name, version }) => `${name}@${version}`);
    if (conflicts.length === 0) return;
    throw new MillraceError("VERSION_CONFLICT", `published before with another definition: ${conflicts.join(", ")}`, {
      hints: ["Give the changed workflow a new version.", "While developing, set development: true."],
      details: { workflows: conflicts },
    });
  }

  /**
   * A new session, whose leases are kept by the time that it is there; `undefined` if the backend is closed, or the signal
   * was aborted. Rejects with an error that another try will not help against, if there is one.
   */
  async #signOn(signal: AbortSignal, isWorthAnother: (error: unknown) => boolean): Promise<SessionChannel | undefined> {
    const { settings, programs } = this.#identity;
    const { operations, clock, logger, ids, workerId, leaseMs, labels, host, pid } = settings;
    const outage = this.#outage;
    await this.#leave(signal);
    const id = ids.token();
    const queues = settings.queues ?? programs.queues;
    const session = { id, workerId, leaseMs, queues, labels, definitions: programs.hashes, host, pid };
    try {
      const goOn = (error: unknown): boolean => !isMillraceError(error, "CLOSED") && isWorthAnother(error);
      const ports = { clock, outage, signal, asked: "write", isWorthAnother: goOn } as const;
      this.#session = id;
      await persistently(() => operations.openSession(session), ports);
    } catch (error) {
      if (!isMillraceError(error, "CLOSED") && !signal.aborted) throw error;
      return undefined;
    }
    this.#channel = new SessionChannel(id, operations, clock, outage);
    const keeper = new LeaseKeeper({ operations, clock, logger, outage }, id, leaseMs, {
      held: () => this.#executor.held,
      health: () => this.health(),
      revoked: (item: HeldItem, why) => this.#executor.revoke(item, why),
      gone: () => this.#loop?.lose(),
    });
    this.#keeper = keeper;
    await keeper.start(signal);
    return this.#channel;
  }

  /** Leaves a session that is gone, or in doubt. What it still holds is given back where the store answers. */
  async #leave(signal: AbortSignal): Promise<void> {
    const { operations } = this.#identity.settings;
    const session = this.#session;
    this.#session = undefined;
    this.#channel = undefined;
    const left = Promise.resolve(this.#keeper?.stop()).then(async () => {
      if (session !== undefined) await operations.closeSession(session).catch(() => undefined);
    });
    await unlessAborted(left, signal);
  }

  /** Something happened to a run: if items of it are here, they want to know whether it was closed. */
  #hintedRun(runId: string): void {
    if (this.#early !== undefined || this.#loop?.isAsking === true) return;
    const { clock } = this.#identity.settings;
    for (const item of this.#executor.items) {
      if (item.runId !== runId || item.state !== "running") continue;
      this.#early = clock
        .setTimer(EARLY_RENEWAL_MS, () => {
          this.#early = undefined;
          void this.#keeper?.renew();
        })
        .unref();
      return;
    }
  }

  async #tail(
    runId: string,
    range: { readonly after: number; readonly shape?: string },
  ): Promise<ContextTail | undefined> {
    return await this.#surely(() => this.#identity.settings.operations.read.contextTail(runId, range), "read");
  }

  async #definition(hash: string): Promise<DefinitionRecord | undefined> {
    return await this.#surely(() => this.#identity.settings.operations.read.definition(hash), "read");
  }

  async #surely<T>(ask: () => Promise<T>, asked: Asked, signal: AbortSignal = this.#over.signal): Promise<T> {
    return await persistently(ask, { clock: this.#identity.settings.clock, outage: this.#outage, signal, asked });
  }

  #started(item: ActiveItem): void {
    const { observers } = this.#identity;
    if (observers.has("onItemStarted")) observers.tell("onItemStarted", item.event);
  }

  #heard(item: ActiveItem, details: unknown): void {
    const { observers } = this.#identity;
    if (observers.has("onItemHeartbeat")) observers.tell("onItemHeartbeat", { ...item.event, details });
  }

  #concluded(conclusion: Conclusion): void {
    const { observers, counters, settings } = this.#identity;
    const { item, outcome, failure, runStatus } = conclusion;
    this.#lastConclusion = conclusion;
    counters.count(conclusion);
    if (observers.has("onItemProcessed")) {
      observers.tell("onItemProcessed", { ...item.event, outcome, failure, runStatus });
    }
    const { workerId } = settings;
    if (failure !== undefined && observers.has("onError")) {
      observers.tell("onError", { workerId, error: failure, item: item.event });
    }
    if (runStatus === "completed" && observers.has("onRunCompleted")) {
      observers.tell("onRunCompleted", { workerId, runId: item.runId, workflow: item.claimed.run.workflow });
    }
  }
}
