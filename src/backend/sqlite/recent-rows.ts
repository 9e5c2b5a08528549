/**
 * Runs, items and sessions as they stand in the file, kept from the last few transactions so that they need not be read again.
 * SQLite tells, inside each transaction, whether anybody else has written since (`data_version`); if so, everything is
 * dropped. Invariant: what is in here equals the file, or the transaction that put it here is still open; a rollback drops everything.
 */

import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { StoredSession } from "../synchronous/row-store.ts";

export interface RecentItem {
  /** Number of its row. */
  readonly row: number;
  readonly item: WorkItem;
  /** Which parts of its payload there are, and where: see `item.contents` of the schema. */
  readonly contents: number;
  /** The input, where it is small enough to ride along. */
  readonly input: Uint8Array | undefined;
}

export class RecentRun {
  readonly number: number;
  state: RunState;
  readonly items = new Map<number, RecentItem>();

  constructor(number: number, state: RunState) {
    this.number = number;
    this.state = state;
  }
}

/** Runs of one generation; two generations are kept. */
const MAX_RUNS = 4_096;
/** Items of all runs together. */
const MAX_ITEMS = 16_384;
const MAX_SESSIONS = 256;
/** Names are 36 bytes as a rule. */
const MAX_NAMES = 50_000;

export class RecentRows {
  #young = new Map<string, RecentRun>();
  #old = new Map<string, RecentRun>();
  #items = 0;
  readonly #names = new Map<number, string>();
  readonly #sessions = new Map<string, StoredSession>();
  #version: number | undefined;

  /** Whether nobody else has written since; asked first in every transaction. */
  isFrom(version: number): boolean {
    return version === this.#version;
  }

  /** Somebody else has written: nothing that is in here can be trusted. */
  renew(version: number): void {
    this.#drop();
    this.#version = version;
  }

  /** Something was rolled back. */
  forget(): void {
    this.#drop();
    this.#names.clear();
  }

  run(name: string): RecentRun | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.keepRun(name, old);
    return old;
  }

  keepRun(name: string, run: RecentRun): RecentRun {
    if (this.#young.size >= MAX_RUNS) {
      for (const forgotten of this.#old.values()) if (forgotten !== run) this.#items -= forgotten.items.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, run);
    this.keepName(run.number, name);
    return run;
  }

  removeRun(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  keepItem(run: RecentRun, recent: RecentItem): RecentItem {
    if (this.#items >= MAX_ITEMS) this.#dropItems();
    const before = run.items.size;
    run.items.set(recent.item.item, recent);
    this.#items += run.items.size - before;
    return recent;
  }

  removeItem(run: RecentRun, item: number): void {
    if (run.items.delete(item)) this.#items -= 1;
  }

  session(name: string): StoredSession | undefined {
    return this.#sessions.get(name);
  }

  keepSession(session: StoredSession): StoredSession {
    if (this.#sessions.size >= MAX_SESSIONS) this.#sessions.clear();
    this.#sessions.set(session.id, session);
    return session;
  }

  removeSessions(): void {
    this.#sessions.clear();
  }

  /** Numbers of runs are never used again, so a name once known stays right. */
  name(number: number): string | undefined {
    return this.#names.get(number);
  }

  keepName(number: number, name: string): void {
    if (this.#names.size >= MAX_NAMES) this.#names.clear();
    this.#names.set(number, name);
  }

  #dropItems(): void {
    for (const run of this.#young.values()) run.items.clear();
    for (const run of this.#old.values()) run.items.clear();
    this.#items = 0;
  }

  #drop(): void {
    this.#young.clear();
    this.#old.clear();
    this.#sessions.clear();
    this.#items = 0;
  }
}
