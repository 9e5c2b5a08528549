/** One partition of a namespace: what its steps, its reads and its peeks share. All of it is one hash tag on one server. */

import type { Clock, Ids, Random } from "../../core/ports.ts";
import type { Connection } from "./connection.ts";
import type { DefinitionShelf } from "./definition-shelf.ts";
import type { Argument } from "./driver.ts";
import type { PartitionKeys } from "./keys.ts";
import { Lanes } from "./lanes.ts";
import { RecentRows } from "./recent-rows.ts";
import { type Reply, textOf } from "./reply.ts";
import { versionSource } from "./row-version.ts";
import { ScriptReads } from "./script-reads.ts";
import { runScript, type ScriptName } from "./scripts.ts";

/** The run that an idempotency key stands for. */
export type KeyHolder = (workflow: string, idempotencyKey: string) => Promise<string | undefined>;

/** What an acknowledged write has been confirmed by, beside the server that has the key. */
export interface Confirmation {
  /** `WAIT` or `WAITAOF`, as the server takes it. */
  readonly command: readonly string[];
  /** Throws unless the reply says that it is enough. */
  check(reply: Reply): void;
}

export interface PartitionOptions {
  readonly connection: Connection;
  readonly keys: PartitionKeys;
  readonly ids: Pick<Ids, "token">;
  readonly random: Random;
  /** What waiting goes by. */
  readonly waitingClock: Pick<Clock, "sleep" | "monotonic">;
  /** The store's clock, if it is not the server's. */
  readonly clock: Pick<Clock, "now"> | undefined;
  readonly shelf: DefinitionShelf;
  /** Definitions are kept here, and by their shelf found from everywhere. */
  readonly isHome: boolean;
  /** Where idempotency keys are kept by whoever puts partitions together: the run that one stands for. */
  readonly holderOf: KeyHolder | undefined;
  /** Where sessions are in several partitions: whether one ended before the instant, and holds nothing, in the others too. */
  readonly isOverElsewhere: ((session: string, before: number) => Promise<boolean>) | undefined;
  readonly confirmation: Confirmation | undefined;
}

/** How long others leave a run to a step that lost it before. */
const ALONE_MS = 250;

export class Partition {
  readonly keys: PartitionKeys;
  readonly connection: Connection;
  readonly reads: ScriptReads;
  readonly lanes = new Lanes();
  readonly recent = new RecentRows();
  readonly shelf: DefinitionShelf;
  readonly isHome: boolean;
  readonly holderOf: KeyHolder | undefined;
  readonly isOverElsewhere: PartitionOptions["isOverElsewhere"];
  readonly random: Random;
  readonly waitingClock: PartitionOptions["waitingClock"];
  readonly nextVersion: () => string;
  readonly #options: PartitionOptions;
  /** Runs that a step lost to another, until when the next ones have them alone. */
  readonly #lost = new Map<string, number>();

  constructor(options: PartitionOptions) {
    this.#options = options;
    this.keys = options.keys;
    this.connection = options.connection;
    this.reads = new ScriptReads(options.connection, options.keys.prefix);
    this.shelf = options.shelf;
    this.isHome = options.isHome;
    this.holderOf = options.holderOf;
    this.isOverElsewhere = options.isOverElsewhere;
    this.random = options.random;
    this.waitingClock = options.waitingClock;
    this.nextVersion = versionSource(options.ids);
  }

  script(name: ScriptName, args: readonly Argument[]): Promise<Reply> {
    return runScript(this.connection, name, this.keys.prefix, args);
  }

  /** The instant as scripts take it: nothing where the server's own clock counts. */
  instant(): string {
    const now = this.#options.clock?.now();
    return now === undefined ? "" : String(now);
  }

  /** Resolves once the last write has been confirmed by as many as was asked for. */
  async confirmed(): Promise<void> {
    const { confirmation } = this.#options;
    if (confirmation === undefined) return;
    confirmation.check(await this.connection.callAt(this.keys.prefix, confirmation.command));
  }

  lockOf(runId: string): "wait" | "alone" {
    const until = this.#lost.get(runId);
    if (until === undefined) return "wait";
    if (until > this.waitingClock.monotonic()) return "alone";
    this.#lost.delete(runId);
    return "wait";
  }

  lost(runIds: Iterable<string>): void {
    const until = this.waitingClock.monotonic() + ALONE_MS;
    for (const runId of runIds) this.#lost.set(runId, until);
  }

  /** Reads the lanes that are stored. */
  async learnLanes(): Promise<void> {
    this.lanes.learn(await this.reads.one("HGETALL", this.keys.lanes));
  }

  /** The server's clock. */
  async now(): Promise<number> {
    const clock = this.#options.clock;
    if (clock !== undefined) return clock.now();
    const [seconds, micros] = asTexts(await this.reads.one("TIME"));
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}

function asTexts(reply: Reply): readonly string[] {
  return Array.isArray(reply) ? reply.map(textOf) : [];
}
