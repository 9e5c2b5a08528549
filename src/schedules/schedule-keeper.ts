/**
 * The loop that fires schedules, in every worker and in orchestrators that are asked to: looks which are due, fires them, and
 * sleeps until the next one is, by the backend's clock. Any number of keepers may run; what they do together happens once.
 * Invariant: it cannot die before it is stopped. A store that fails is asked again, ever later; a schedule that fails harms no other.
 */

import type { DocumentRecord } from "../backend/contract/documents.ts";
import type { BackendOperations, Wakeup } from "../backend/contract/operations.ts";
import { isMillraceError } from "../core/errors.ts";
import type { Clock, Ids, Logger, Random, Timer } from "../core/ports.ts";
import { isTerminalRun } from "../core/status.ts";
import { redactText } from "../logging/redaction.ts";
import { type PublishedDefinitions, publishedDefinitions } from "../stores/published-definitions.ts";
import { findSchedule, fire, isOfStore } from "./firing.ts";
import { SCHEDULES, type Schedule } from "./schedule.ts";
import { fromDocument } from "./schedule-record.ts";

export interface KeeperOptions {
  readonly operations: BackendOperations;
  readonly published?: PublishedDefinitions | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
  readonly logger: Logger;
  /** Longest time between two looks; hints, and what is known to be due, come in between. */
  readonly lookMs: number;
  /** Whether its timers keep the process alive. */
  readonly holdsProcess: boolean;
}

/** Documents of one look at the list: mostly the first is not due, and what it carries need not be read of others. */
const FIRST_PAGE = 1;
const LONGEST_PAGE = 64;
const PAGE_GROWTH = 8;
/** Schedules that are fired at the same time. */
const AT_ONCE = 8;
/** Looks of keepers come apart by this part of the time between them. */
const LOOK_JITTER = 0.25;
/** Least time between two looks at something that is due and that nobody could do anything about. */
const FRUITLESS_MS = 1_000;
const LONGEST_OUTAGE_WAIT_MS = 30_000;
/** How long the backend's clock is taken to go like ours. */
const CLOCK_MS = 60_000;
/** A run that somebody waits for is looked at no more often than this, and less often the longer it takes. */
const RUN_LOOK_MS = 100;
const LONGEST_RUN_LOOK_MS = 10_000;

/** A schedule whose queue waits for the end of a run. */
interface Awaited {
  readonly schedule: string;
  readonly since: number;
  lookedAt: number | undefined;
  /** Set while a look is to come. */
  timer: Timer | undefined;
}

export class ScheduleKeeper implements AsyncDisposable {
  readonly #options: KeeperOptions;
  readonly #published: PublishedDefinitions;
  /** By run. */
  readonly #awaited = new Map<string, Awaited>();
  /** Versions of documents that could not be read, so that each is told of once. */
  readonly #unreadable = new Map<string, number>();
  /** The backend's clock against the monotonic one of this process. */
  #offset: { readonly ms: number; readonly at: number } | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #wasHinted = false;
  #isStopped = false;
  #failures = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#published = options.published ?? publishedDefinitions(options.operations);
  }

  /** Looks at once, and goes on until it is stopped. Idempotent. */
  start(): this {
    if (this.#unsubscribe === undefined && !this.#isStopped) {
      this.#unsubscribe = this.#options.operations.subscribe((wakeup) => this.#hinted(wakeup));
      this.#look();
    }
    return this;
  }

  /** Looks no more; waits for what is being fired. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const { timer } of this.#awaited.values()) timer?.cancel();
    this.#unsubscribe?.();
    await this.#looking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #hinted(wakeup: Wakeup): void {
    if (this.#isStopped) return;
    if (wakeup.kind === "documents") this.#look();
    else if (wakeup.kind === "run") this.#runChanged(wakeup.runId);
    else if (wakeup.kind === "any") for (const runId of this.#awaited.keys()) this.#runChanged(runId);
  }

  #look(): void {
    if (this.#isStopped) return;
    if (this.#looking !== undefined) {
      this.#wasHinted = true;
      return;
    }
    this.#timer?.cancel();
    this.#looking = this.#lookAndRest();
  }

  async #lookAndRest(): Promise<void> {
    let waitMs: number;
    try {
      do {
        this.#wasHinted = false;
        waitMs = await this.#fireDue();
      } while (this.#wasHinted && !this.#isStopped);
      this.#failures = 0;
    } catch (error) {
      waitMs = this.#failed(error);
    }
    this.#looking = undefined;
    this.#restFor(waitMs);
  }

  #restFor(waitMs: number): void {
    if (this.#isStopped) return;
    const { clock, holdsProcess } = this.#options;
    this.#timer = clock.setTimer(waitMs, () => this.#look());
    if (!holdsProcess) this.#timer.unref();
  }

  /** How long to wait after a look that came to nothing. */
  #failed(error: unknown): number {
    const { logger, random } = this.#options;
    this.#offset = undefined;
    if (isMillraceError(error, "CLOSED")) this.#isStopped = true;
    const said = {
      error: error instanceof Error ? redactText(error.message) : "something was thrown that is no error",
    };
    if (isOfStore(error)) logger.debug("schedules could not be looked at", said);
    else logger.error("looking at schedules failed", said);
    this.#failures += 1;
    return (
      Math.min(LONGEST_OUTAGE_WAIT_MS, FRUITLESS_MS * 2 ** Math.min(this.#failures - 1, 16)) * (0.5 + random.next())
    );
  }

  /** Fires what is due; how long to wait until the next look. */
  async #fireDue(): Promise<number> {
    const { lookMs, random } = this.#options;
    const { documents } = this.#options.operations;
    let nextAt = Number.POSITIVE_INFINITY;
    let cursor: string | undefined;
    let limit = FIRST_PAGE;
    const published = readOnce(this.#published);
    do {
      const page = await documents.list(SCHEDULES, { limit, cursor });
      limit = Math.min(LONGEST_PAGE, limit * PAGE_GROWTH);
      const now = page.entries.length === 0 ? 0 : await this.#now(page.entries[0]?.at);
      const due = page.entries.filter(({ at }) => at !== undefined && at <= now);
      for (const at of await this.#fireAll(due, published)) nextAt = Math.min(nextAt, at);
      const later = page.entries.find(({ at }) => at !== undefined && at > now)?.at;
      nextAt = Math.min(nextAt, later ?? Number.POSITIVE_INFINITY);
      // What has been fired lies further down by now, and nothing that is due lies before the end of a page.
      cursor = due.length === page.entries.length ? page.cursor : undefined;
    } while (cursor !== undefined && !this.#isStopped);
    const longest = lookMs * (1 + random.next() * LOOK_JITTER);
    if (nextAt === Number.POSITIVE_INFINITY) return longest;
    return Math.min(longest, Math.max(1, nextAt - (await this.#now())));
  }

  /** The backend's clock: exactly if an instant has come that matters, else as well as it is known. */
  async #now(due?: number): Promise<number> {
    const { clock, operations } = this.#options;
    const at = clock.monotonic();
    const known = this.#offset;
    const estimate = known === undefined || at - known.at > CLOCK_MS ? undefined : known.ms + at;
    if (estimate !== undefined && (due === undefined || due > estimate)) return estimate;
    const now = await operations.now();
    const after = clock.monotonic();
    this.#offset = { ms: now - after, at: after };
    return now;
  }

  /** When each of them has to be looked at again. */
  async #fireAll(due: readonly DocumentRecord[], published: PublishedDefinitions): Promise<readonly number[]> {
    const nextAts: number[] = [];
    for (let at = 0; at < due.length && !this.#isStopped; at += AT_ONCE) {
      const some = due.slice(at, at + AT_ONCE);
      nextAts.push(...(await Promise.all(some.map((document) => this.#fireOne(document, published)))));
    }
    return nextAts;
  }

  async #fireOne(found: DocumentRecord, published = this.#published): Promise<number> {
    const { operations, ids, logger } = this.#options;
    const never = Number.POSITIVE_INFINITY;
    try {
      const document = await fire({ operations, published, ids }, found);
      if (document === undefined) return never;
      this.#note(found, document);
      const now = await this.#now();
      return document.at === undefined ? never : document.at > now ? document.at : now + 1;
    } catch (error) {
      if (isOfStore(error)) throw error;
      if (this.#unreadable.get(found.key) !== found.version) {
        this.#unreadable.set(found.key, found.version);
        const said = error instanceof Error ? redactText(error.message) : "something was thrown that is no error";
        logger.error("a schedule cannot be fired here", { schedule: found.key, error: said });
      }
      return (await this.#now()) + FRUITLESS_MS;
    }
  }

  /** Says what others should know, and remembers which run a queue waits for. */
  #note(before: DocumentRecord, after: DocumentRecord): void {
    const { logger, clock } = this.#options;
    const schedule = fromDocument(after);
    const { failure, queue, open } = schedule.progress;
    if (
      failure !== undefined &&
      failure.count === 1 &&
      after.version !== before.version &&
      !isSameFailure(before, schedule)
    ) {
      logger.warn("a schedule could not start its run", {
        schedule: schedule.id,
        code: failure.code,
        error: redactText(failure.message),
      });
    }
    const awaited = new Set(queue.length === 0 ? [] : open);
    for (const [runId, { schedule: id, timer }] of this.#awaited) {
      if (id !== schedule.id || awaited.delete(runId)) continue;
      timer?.cancel();
      this.#awaited.delete(runId);
    }
    const since = clock.monotonic();
    for (const runId of awaited) {
      this.#awaited.set(runId, { schedule: schedule.id, since, lookedAt: undefined, timer: undefined });
    }
  }

  /** A run that a queue waits for may have ended. */
  #runChanged(runId: string): void {
    const awaited = this.#awaited.get(runId);
    if (awaited === undefined || awaited.timer !== undefined) return;
    const { clock } = this.#options;
    const now = clock.monotonic();
    const pauseMs = Math.min(LONGEST_RUN_LOOK_MS, Math.max(RUN_LOOK_MS, (now - awaited.since) / 20));
    const waitMs = awaited.lookedAt === undefined ? 0 : awaited.lookedAt + pauseMs - now;
    if (waitMs <= 0) {
      void this.#goOnAfter(runId, awaited);
      return;
    }
    awaited.timer = clock
      .setTimer(waitMs, () => {
        awaited.timer = undefined;
        void this.#goOnAfter(runId, awaited);
      })
      .unref();
  }

  async #goOnAfter(runId: string, awaited: Awaited): Promise<void> {
    const { operations, clock } = this.#options;
    awaited.lookedAt = clock.monotonic();
    try {
      const run = await operations.read.runState(runId);
      if (run !== undefined && !isTerminalRun(run.status)) return;
      const document = await findSchedule({ operations }, awaited.schedule);
      if (document !== undefined) await this.#fireOne(document);
      this.#look();
    } catch {
      // The schedule is due again before long, and looked at then.
    }
  }
}

/** Reads each definition at most once, for as long as one look takes. */
function readOnce(published: PublishedDefinitions): PublishedDefinitions {
  const newest = new Map<string, ReturnType<PublishedDefinitions["newest"]>>();
  return {
    ...published,
    newest(name, version) {
      const key = JSON.stringify([name, version]);
      const known = newest.get(key) ?? published.newest(name, version);
      newest.set(key, known);
      return known;
    },
  };
}

function isSameFailure(before: DocumentRecord, { progress: { failure } }: Schedule): boolean {
  return fromDocument(before).progress.failure?.at === failure?.at;
}
