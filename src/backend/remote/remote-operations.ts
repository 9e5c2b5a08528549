/**
 * The whole of a backend over rows that a server keeps: the same steps as over rows in this process, each run over what
 * was loaded for it, again from its start whenever that was not enough, and applied in one atomic go. Invariant: a
 * step has an effect at most once, and its result is given only after the server has confirmed it.
 */

import { MillraceError } from "../../core/errors.ts";
import type { Clock, Random } from "../../core/ports.ts";
import type { Capabilities } from "../contract/capabilities.ts";
import type { Claim, Peek } from "../contract/claim.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { AtomicStep, type DefinitionNames } from "../synchronous/atomic-step.ts";
import { createAttachedSessions } from "../synchronous/attached-sessions.ts";
import { deliverLetter } from "../synchronous/deliver-letters.ts";
import type { Aftermath, Engine, Undertaking } from "../synchronous/engine.ts";
import { operationsOver } from "../synchronous/operations.ts";
import { LETTER, letterOf, OUTBOX, type PostedLetter } from "../synchronous/outbox.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { WakeupHub } from "../synchronous/wakeups.ts";
import { wantsOf } from "./foresight.ts";
import { readRemotely } from "./reading-set.ts";
import type { RemoteStep, RemoteStore } from "./remote-store.ts";
import { RowCache } from "./row-cache.ts";
import { RowsMissing } from "./rows-missing.ts";
import { StepLost } from "./step-lost.ts";
import { type Want, wantKey } from "./wants.ts";
import { workingSet } from "./working-set.ts";

export interface RemoteOptions {
  readonly kind: string;
  readonly location: string;
  readonly namespace: string;
  readonly capabilities: Capabilities;
  readonly renewalUrl?: string | undefined;
  readonly store: RemoteStore;
  /** Hears hints of this process from here, and those of others from the store. */
  readonly wakeups: WakeupHub;
  /** Waits between two tries of a step that lost to others. */
  readonly clock: Pick<Clock, "sleep">;
  readonly random: Random;
  /** Whether the run or hub of this name lies in this partition. Absent where the store is one. */
  readonly here?: ((name: string) => boolean) | undefined;
}

/** One partition of a store, and its post. */
export interface Partition {
  readonly operations: BackendOperations;
  readonly post: PostOffice;
  /** Puts items that lie ready, and cannot be claimed, where they belong, as a claim that meets them does. */
  settle(items: readonly { readonly runId: string; readonly item: number }[]): Promise<void>;
}

/** Letters between partitions. Each is to be delivered where it is addressed to, and discarded then. */
export interface PostOffice {
  /** Letters of this partition that may not have been delivered yet, oldest first. */
  outbox(limit: number): Promise<readonly PostedLetter[]>;
  /** Applies a letter from another partition; one that was had before has no second effect. */
  deliver(letter: PostedLetter): Promise<void>;
  /** Forgets letters of this partition that were delivered. */
  discard(ids: readonly string[]): Promise<void>;
  /** Called after each step of this process that left letters. */
  onPosted(listener: () => void): void;
}

/** After so many lost tries in a row the store is called unavailable: nothing else explains them. */
const MOST_TRIES = 60;
/** Tries that follow one another at once, before waiting begins. */
const IMMEDIATE_TRIES = 2;
const LONGEST_WAIT_MS = 50;

export function remoteOperations(options: RemoteOptions): BackendOperations {
  return remotePartition(options).operations;
}

/** A store in several partitions is as many of these, behind one that knows which is which. */
export function remotePartition(options: RemoteOptions): Partition {
  const engine = new RemoteEngine(options);
  return {
    operations: operationsOf(options, engine),
    post: postOffice(engine),
    settle: (items) =>
      engine.write((step) => {
        for (const { runId, item: number } of items) {
          const run = step.run(runId);
          const item = run === undefined ? undefined : step.store.item(runId, number);
          if (run === undefined || item === undefined) continue;
          step.isClaimable(item, run, item.status === "in_progress" && step.isLeaseOver(item));
        }
      }),
  };
}

function postOffice(engine: RemoteEngine): PostOffice {
  return {
    outbox: (limit) => engine.read((rows) => rows.entries(OUTBOX, { limit }).map(letterOf)),
    deliver: (letter) => engine.write((step) => deliverLetter(step, letter)),
    discard: (ids) =>
      engine.write(({ store }) => {
        for (const key of ids) {
          const letter = store.entry(LETTER, key);
          if (letter !== undefined) store.removeEntry(letter);
        }
      }),
    onPosted(listener) {
      engine.onPosted = listener;
    },
  };
}

function operationsOf(options: RemoteOptions, engine: RemoteEngine): BackendOperations {
  const { kind, location, namespace, capabilities, renewalUrl } = options;
  return {
    kind,
    location,
    namespace,
    capabilities,
    ...(renewalUrl === undefined ? {} : { renewalUrl }),
    ...operationsOver(engine),
    advise: () => options.store.advise(),
  };
}

interface Done<T> {
  readonly result: T;
  readonly aftermath: Aftermath;
}

class RemoteEngine implements Engine {
  readonly #options: RemoteOptions;
  readonly #names: DefinitionNames = new Map();
  readonly #attached = createAttachedSessions();
  readonly subscribe: Engine["subscribe"];
  onPosted: (() => void) | undefined;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.subscribe = options.wakeups.subscribe;
  }

  async write<T>(
    work: (step: AtomicStep) => T,
    undertaking?: Undertaking,
    finish?: (result: T, aftermath: Aftermath) => T,
  ): Promise<T> {
    const foreseen = wantsOf(undertaking);
    let further: readonly Want[] = [];
    for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
      const attempt = await this.#try(work, unite(foreseen, further), finish !== undefined);
      if ("result" in attempt) return finish === undefined ? attempt.result : finish(attempt.result, attempt.aftermath);
      further = unite(further, attempt.wants);
      if (tries > IMMEDIATE_TRIES) await this.#pause(tries);
    }
    throw new MillraceError(
      "BACKEND_UNAVAILABLE",
      `a step at ${this.#options.location} lost to others ${MOST_TRIES} times`,
      {
        hints: [
          "The server is overloaded, or many processes change the same run: try again later, or with fewer of them.",
        ],
      },
    );
  }

  read<T>(work: (rows: RowStore) => T): Promise<T> {
    return readRemotely(this.#options.store.read, work);
  }

  peek(claim: Claim): Promise<Peek> {
    return this.#options.store.peek(claim);
  }

  now(): Promise<number> {
    return this.#options.store.now();
  }

  close(): Promise<void> {
    return this.#options.store.close();
  }

  /** One try of a step: its result, or what the next one should begin with. */
  async #try<T>(
    work: (step: AtomicStep) => T,
    wants: readonly Want[],
    nextDue: boolean,
  ): Promise<Done<T> | { readonly wants: readonly Want[] }> {
    const { store, wakeups } = this.#options;
    const cache = new RowCache();
    const remote = await store.begin(wants, cache);
    try {
      const { step, result, changes } = await this.#run(work, remote, cache);
      const committed = await remote.commit(changes, { nextDue });
      if (committed.kind === "again") return { wants: committed.wants };
      const hints = step.wakeups();
      for (const hint of hints) wakeups.notify(hint);
      if (hints.length > 0) store.announce(hints);
      if (changes.entries.some(({ kind, after }) => kind === LETTER && after !== undefined)) this.onPosted?.();
      const { nextDueAt, contended } = committed;
      return { result, aftermath: { now: remote.now, nextDueAt, contended } };
    } catch (error) {
      await remote.abandon();
      if (error instanceof StepLost) return { wants: error.wants };
      throw error;
    }
  }

  /** Runs the step until it has all the rows that it needs. */
  async #run<T>(work: (step: AtomicStep) => T, remote: RemoteStep, cache: RowCache) {
    for (;;) {
      const set = workingSet(cache);
      const shared = { store: set.rows, attached: this.#attached, names: this.#names, here: this.#options.here };
      const step = new AtomicStep(shared, remote.now, undefined);
      let missing: readonly Want[];
      cache.takeMissing();
      try {
        const result = work(step);
        step.flush();
        missing = [...set.later, ...cache.takeMissing()];
        if (missing.length === 0) return { step, result, changes: set.changes(remote.now) };
      } catch (error) {
        if (!(error instanceof RowsMissing)) throw error;
        missing = [...set.later, ...cache.takeMissing()];
      }
      await remote.load(unite([], missing), cache);
    }
  }

  async #pause(tries: number): Promise<void> {
    const { clock, random } = this.#options;
    const longest = Math.min(LONGEST_WAIT_MS, 2 ** Math.min(tries, 10));
    await clock.sleep(random.next() * longest);
  }
}

/** The wants of both, each once. */
function unite(first: readonly Want[], second: readonly Want[]): readonly Want[] {
  if (second.length === 0) return first;
  return [...new Map([...first, ...second].map((want) => [wantKey(want), want])).values()];
}
