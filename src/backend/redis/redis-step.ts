/**
 * One atomic step over a partition: rows are loaded with their versions, and what the step changed is applied by a script
 * that does so only if those are still the same. Nothing is locked meanwhile; a step that lost is done again. Invariant: what is
 * applied was decided by rows as they are at that instant.
 */

import type { Changes } from "../remote/changes.ts";
import type { CommitResult, LoadedRows, RemoteStep } from "../remote/remote-store.ts";
import type { Want } from "../remote/wants.ts";
import { type StagedBody, stageBodies } from "./checkpoint-bodies.ts";
import { endedSessions } from "./ended-sessions.ts";
import { writeBranches, writeContexts, writeHistory } from "./history-writes.ts";
import { readPayload } from "./item-row.ts";
import { expectHeld, writeItems } from "./item-writes.ts";
import { itemMember, RUN_FIELDS, reserverOf } from "./keys.ts";
import { loadRequest } from "./load-request.ts";
import type { Partition } from "./partition.ts";
import { listOf, numberOf, optionalBytes, type Reply, textOf } from "./reply.ts";
import { loadRunItems } from "./run-items.ts";
import { type Removal, readRemovals, writeRemovals } from "./run-removal.ts";
import { writeRuns } from "./run-writes.ts";
import { forgetSession, writeCheckpoints, writeDefinitions, writeEntries, writeSessions } from "./shared-writes.ts";
import { StepRows } from "./step-rows.ts";
import { WriteList } from "./write-list.ts";
import type { Writing, Written } from "./writing.ts";

/** How long others pass over what a step is about to work on, if it does not say sooner that it is done. */
const RESERVED_MS = 300;
/** Waits for somebody who has a run alone, before the step goes on regardless. */
const MOST_WAITS = 40;
const LONGEST_WAIT_MS = 6;

export class RedisStep implements RemoteStep {
  readonly #partition: Partition;
  readonly #rows: StepRows;
  readonly #version: string;
  readonly #wants: Want[] = [];
  #now: number | undefined;
  #loads = 0;

  constructor(partition: Partition) {
    this.#partition = partition;
    this.#rows = new StepRows(partition.recent);
    this.#version = partition.nextVersion();
  }

  get now(): number {
    return this.#now ?? 0;
  }

  async load(wants: readonly Want[], rows: LoadedRows): Promise<void> {
    this.#wants.push(...wants);
    const { shelf, isHome, holderOf } = this.#partition;
    const elsewhere = wants.map(async (want) => {
      if (want.kind === "definition") rows.definition(want.hash, await shelf.read(want.hash));
      else if (want.kind === "definitionHash" && !isHome) {
        rows.definitionHash(want.name, want.version, await shelf.hashOf(want.name, want.version));
      } else if (want.kind === "runIdByKey") {
        await holderOf?.(want.workflow, want.idempotencyKey).then((holder) =>
          rows.runIdByKey(want.workflow, want.idempotencyKey, holder),
        );
      }
    });
    await Promise.all([...elsewhere, this.#loadRows(wants, rows)]);
  }

  async #loadRows(wants: readonly Want[], rows: LoadedRows): Promise<void> {
    let missing = wants;
    do {
      missing = await this.#loadOnce(missing, rows);
    } while (missing.length > 0);
    for (const want of wants) {
      if (want.kind === "unfinished" || want.kind === "heldNodes") {
        await loadRunItems(want, this.#partition, this.#rows, rows);
      }
    }
  }

  /** Gives what has to be asked for once more. */
  async #loadOnce(wants: readonly Want[], rows: LoadedRows): Promise<readonly Want[]> {
    const partition = this.#partition;
    for (let waits = 0; ; waits += 1) {
      const lockOf = (runId: string) => (waits < MOST_WAITS ? partition.lockOf(runId) : "no");
      const { keys, lanes, recent, isHome, holderOf } = partition;
      const request = loadRequest(wants, {
        keys,
        lanes,
        recent,
        lockOf,
        isHome,
        keysElsewhere: holderOf !== undefined,
      });
      // The instant alone has to be read, too, if nothing is wanted.
      if (request.args.length === 0 && this.#now !== undefined) return [];
      const owner = [partition.instant(), this.#version, aliasOf(this.#wants), String(RESERVED_MS)];
      const [answer, now, stored, ...replies] = listOf(await partition.script("load", [...owner, ...request.args]));
      if (textOf(answer) === "wait") {
        await partition.waitingClock.sleep(partition.random.next() * LONGEST_WAIT_MS);
        continue;
      }
      // Later loads of a step see later rows; what it decides is as of its first instant.
      this.#now ??= numberOf(now);
      this.#loads += 1;
      if (numberOf(stored) > request.lanes && wants.some(({ kind }) => kind === "ready")) {
        await partition.learnLanes();
        request.read(replies, this.#rows, rows);
        await this.#release();
        continue;
      }
      return request.read(replies, this.#rows, rows);
    }
  }

  async commit(changes: Changes, { nextDue }: { readonly nextDue: boolean }): Promise<CommitResult> {
    const partition = this.#partition;
    const rows = this.#rows;
    const removals = await readRemovals(changes, partition.reads, partition.keys);
    await this.#readPayloads(changes);
    const bodies = await stageBodies(changes, partition.connection, partition.keys, this.#version);
    const ended = await endedSessions(changes.forgetSessionsBefore, partition);
    const writing = this.#writing(changes);
    write(changes, { removals, bodies, ended }, writing);
    const isRead = writing.list.isEmpty;
    if (isRead && !nextDue && this.#loads < 2 && rows.reserved.length === 0) return this.#done(undefined);
    const args = writing.list.arguments(this.now, nextDue, rows.reserved);
    const [answer, due] = listOf(await partition.script("apply", args));
    if (textOf(answer) === "again") {
      partition.lost(changes.updatedRuns.map(({ state }) => state.id));
      return { kind: "again", wants: this.#wants };
    }
    if (!isRead) await partition.confirmed();
    this.#remember(writing.written);
    return this.#done(due);
  }

  async abandon(): Promise<void> {
    await this.#release();
  }

  #done(due: Reply): CommitResult {
    const text = due === undefined ? "" : textOf(due);
    return { kind: "done", nextDueAt: text === "" ? undefined : numberOf(text), contended: this.#rows.contended };
  }

  /** Lets others have what was reserved; it is given back by itself soon, too. */
  async #release(): Promise<void> {
    const reserved = this.#rows.reserved.splice(0);
    if (reserved.length === 0) return;
    const args = new WriteList().arguments(this.now, false, reserved);
    await this.#partition.script("apply", args).catch(() => undefined);
  }

  #writing({ removedRuns }: Changes): Writing {
    const { keys, lanes, isHome, holderOf } = this.#partition;
    return {
      list: new WriteList(),
      keys,
      rows: this.#rows,
      version: this.#version,
      lanes,
      isHome,
      keysElsewhere: holderOf !== undefined,
      removed: new Set(removedRuns.map(({ id }) => id)),
      written: { runs: [], items: [], crews: [], lanes: [] },
    };
  }

  /** What items carry beside the input that is replaced. */
  async #readPayloads({ inputs }: Changes): Promise<void> {
    const { reads, keys } = this.#partition;
    for (const { runId, item } of inputs) {
      const fields = [RUN_FIELDS.payload(item), RUN_FIELDS.largePayload(item)];
      const [small, large] = listOf(await reads.one("HMGET", keys.run(runId), ...fields));
      this.#rows.payloads.set(itemMember(runId, item), readPayload(optionalBytes(small) ?? optionalBytes(large)));
    }
  }

  #remember({ runs, items, crews, lanes }: Written): void {
    const { recent, lanes: known } = this.#partition;
    for (const run of runs) recent.wroteRun(run, this.#version);
    for (const item of items) recent.wroteItem(item, this.#version);
    for (const crew of crews) recent.wroteCrew(crew);
    for (const lane of lanes) known.add(lane);
  }
}

/** The session whose step it is: what was reserved for its request is its own. */
function aliasOf(wants: readonly Want[]): string {
  const session = wants.find((want) => want.kind === "session" && want.hold);
  return session?.kind === "session" ? reserverOf(session.id) : "";
}

interface Prepared {
  readonly removals: readonly Removal[];
  readonly bodies: readonly StagedBody[];
  readonly ended: readonly { readonly id: string; readonly version: string }[];
}

/** Removals first: what they take out, the rest may put in again. */
function write(changes: Changes, { removals, bodies, ended }: Prepared, writing: Writing): void {
  writeRemovals(removals, writing);
  writeDefinitions(changes, writing);
  writeRuns(changes, writing);
  writeItems(changes, writing);
  writeBranches(changes, writing);
  writeContexts(changes, writing);
  writeHistory(changes, writing);
  writeSessions(changes, writing);
  for (const { id, version } of ended) forgetSession(id, version, writing);
  writeEntries(changes, writing);
  writeCheckpoints(changes, bodies, writing);
  expectHeld(changes, writing);
}
