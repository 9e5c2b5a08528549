/**
 * The rows of one run of a step, as the engine wants them: a partial copy of a store that lives elsewhere. It answers from
 * what was loaded, with what the step has written laid over it, and ends the run with `RowsMissing` where that is not
 * enough. Nothing outside of it changes; what the step wrote is taken from `changes` once it has run to its end.
 */

import { MillraceError } from "../../core/errors.ts";
import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { DefinitionRecord } from "../contract/records.ts";
import type { Placement, RowStore, StoredSession } from "../synchronous/row-store.ts";
import type { Changes } from "./changes.ts";
import { itemKey, type Known, pairKey, type RowCache } from "./row-cache.ts";
import { StepEntries } from "./step-entries.ts";
import { StepItems } from "./step-items.ts";
import { StepRuns } from "./step-runs.ts";
import type { Want } from "./wants.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

/** What is only ever appended. */
type Appended = Mutable<
  Pick<
    Changes,
    | "inputs"
    | "arrivals"
    | "outputs"
    | "deltas"
    | "snapshots"
    | "memos"
    | "progress"
    | "failures"
    | "metrics"
    | "logs"
    | "audit"
    | "checkpoints"
  >
>;

export interface WorkingSet {
  readonly rows: RowStore;
  /** Rows to be loaded before the step is run again, although it could go on without them. */
  readonly later: readonly Want[];
  changes(now: number): Changes;
}

export function workingSet(cache: RowCache): WorkingSet {
  const later: Want[] = [];
  const runs = new StepRuns(cache);
  const items = new StepItems(cache, later);
  const entries = new StepEntries(cache);
  const appended = nothingAppended();
  const shared = new SharedRows(cache, appended);
  const guarded: { readonly runId: string; readonly item: number }[] = [];

  const rows: RowStore = {
    ...shared.rows(),
    ...runRows(runs, cache),
    ...itemRows(items),
    ...resultRows(cache, appended, shared),
    entry: (kind, key) => entries.entry(kind, key),
    putEntry: (entry) => entries.putEntry(entry),
    removeEntry: (entry) => entries.removeEntry(entry),
    entries: (list, range) => entries.entries(list, range),
    insertMemo(runId, item, name, value) {
      appended.memos.push({ runId, item, name, value });
      items.keepMemo(runId, item, name, value);
      guarded.push({ runId, item });
    },
    putProgress(runId, progress) {
      appended.progress.push({ runId, progress });
      guarded.push({ runId, item: progress.item });
    },
    putInput: (runId, item, input) => appended.inputs.push({ runId, item, input }),
    removeRun(runId) {
      runs.remove(runId);
      items.remove(runId);
      entries.remove(runId);
      shared.remove(runId);
    },
    // Told by the server, once the step is over.
    nextDueAt: () => undefined,
    ...onlyForReading(),
  };

  return {
    rows,
    later,
    changes(now) {
      const written = { ...runs.changes(), ...shared.changes() };
      const changes = {
        now,
        ...written,
        ...appended,
        entries: entries.changes(new Set(written.removedRuns.map(({ id }) => id))),
        insertedItems: items.inserted(),
        updatedItems: items.updated(),
      };
      const empty = changes.forgetSessionsBefore === undefined && Object.values(changes).every(isNothing);
      return { ...changes, held: { runs: items.runsOfAside(), items: guarded }, empty };
    },
  };
}

function isNothing(change: unknown): boolean {
  return !Array.isArray(change) || change.length === 0;
}

function runRows(runs: StepRuns, cache: RowCache) {
  return {
    runState: (runId) => runs.state(runId),
    runStates: (runIds) => runIds.flatMap((runId) => runs.state(runId) ?? []),
    runRecord: (runId) => runs.record(runId),
    runFailure: (runId) => runs.failure(runId),
    runIdByKey: (workflow, idempotencyKey) => runs.idByKey(workflow, idempotencyKey),
    insertRun: (state, details) => runs.insert(state, details),
    putRun: (state) => runs.put(state),
    putRunFailure: (runId, failure) => runs.putFailure(runId, failure),
    putRunOutput: (runId, output) => runs.putOutput(runId, output),
    expiredRuns: (now, limit) => runs.expired(now, limit),
    finishedRuns: (before, limit) => runs.finished(before, limit),
    snapshot(runId, shape) {
      const key = pairKey(runId, shape);
      if (!cache.snapshots.has(key)) throw cache.missing([{ kind: "snapshot", runId, shape }]);
      const sequence = cache.snapshots.get(key);
      return sequence === undefined ? undefined : { sequence, bytes: new Uint8Array() };
    },
  } satisfies Partial<RowStore>;
}

function itemRows(items: StepItems) {
  return {
    item: (runId, item) => items.item(runId, item),
    payload: (runId, item) => items.payload(runId, item),
    memos: (runId, item) => items.memos(runId, item),
    insertItem: (item, payload, placement, definition) => items.insert(item, payload, placement, definition),
    putItem: (item, placement) => items.put(item, placement),
    putPlacement: (runId, item, placement: Placement) => items.place(runId, item, placement),
    unfinished: (runId) => items.unfinished(runId),
    aside: (runId) => items.aside(runId),
    heldNodes: (runId) => items.heldNodes(runId),
    itemsOf: (session) => items.itemsOf(session),
    ready: (selection, stalled, limit) => items.ready(selection, stalled, limit),
    due: (now, limit) => items.due(now, limit),
  } satisfies Partial<RowStore>;
}

/** What is written by attempts and never read back by a step. */
function resultRows(cache: RowCache, appended: Appended, shared: SharedRows) {
  return {
    group(runId, group) {
      const written = shared.group(runId, group);
      if (written !== undefined) return written;
      const key = itemKey(runId, group);
      if (!cache.groups.has(key)) throw cache.missing([{ kind: "group", runId, group }]);
      return cache.groups.get(key);
    },
    insertArrival: (arrival) => appended.arrivals.push(arrival),
    insertOutput: (runId, output) => appended.outputs.push({ runId, output }),
    insertDelta: (runId, delta) => appended.deltas.push({ runId, delta }),
    putSnapshot: (runId, shape, sequence, bytes) => appended.snapshots.push({ runId, shape, sequence, bytes }),
    insertFailure: (entry) => appended.failures.push(entry),
    insertMetric: (entry) => appended.metrics.push(entry),
    insertLog: (runId, item, attempt, line) => appended.logs.push({ runId, item, attempt, line }),
    insertAudit: (entry) => appended.audit.push(entry),
  } satisfies Partial<RowStore>;
}

/** Definitions, groups, sessions and checkpoints, as one run of a step sees them. */
class SharedRows {
  readonly #cache: RowCache;
  readonly #appended: Appended;
  readonly #definitions = new Map<string, DefinitionRecord>();
  readonly #hashes = new Map<string, string>();
  readonly #groups = new Map<string, Changes["groups"][number]>();
  readonly #sessions = new Map<string, StoredSession>();
  readonly #checkpoints = new Map<string, CheckpointRecord | undefined>();
  #forgetBefore: number | undefined;

  constructor(cache: RowCache, appended: Appended) {
    this.#cache = cache;
    this.#appended = appended;
  }

  group(runId: string, group: number): Changes["groups"][number] | undefined {
    return this.#groups.get(itemKey(runId, group));
  }

  remove(runId: string): void {
    for (const [key, group] of this.#groups) if (group.runId === runId) this.#groups.delete(key);
  }

  changes(): Pick<Changes, "definitions" | "groups" | "sessions" | "forgetSessionsBefore"> {
    return {
      definitions: [...this.#definitions.values()],
      groups: [...this.#groups.values()],
      sessions: [...this.#sessions.values()],
      forgetSessionsBefore: this.#forgetBefore,
    };
  }

  rows() {
    return {
      definition: (hash) =>
        this.#definitions.get(hash) ?? this.#loaded(this.#cache.definitions, hash, { kind: "definition", hash }),
      definitionHash: (name, version) => {
        const key = pairKey(name, version);
        return (
          this.#hashes.get(key) ?? this.#loaded(this.#cache.hashes, key, { kind: "definitionHash", name, version })
        );
      },
      putDefinition: (record) => {
        this.#definitions.set(record.hash, record);
        this.#hashes.set(pairKey(record.name, record.version), record.hash);
      },
      putGroup: (group) => {
        this.#groups.set(itemKey(group.runId, group.group), group);
      },
      session: (id) => this.#session(id),
      putSession: (session) => {
        this.#sessions.set(session.id, session);
      },
      expiredSessions: (now) => {
        const listed = this.#listed({ kind: "expiredSessions" }).flatMap((id) => this.#session(id) ?? []);
        return listed.filter(({ until, swept, stoppedAt }) => until <= now && !swept && stoppedAt === undefined);
      },
      removeSessions: (before) => {
        this.#forgetBefore = Math.max(before, this.#forgetBefore ?? before);
      },
      checkpoint: (id) => this.#checkpoint(id),
      putCheckpoint: (record, body) => {
        this.#checkpoints.set(record.id, record);
        this.#appended.checkpoints.push({ kind: "put", record, body });
      },
      appendCheckpoint: (record, body) => {
        this.#checkpoints.set(record.id, record);
        this.#appended.checkpoints.push({ kind: "append", record, body });
      },
      removeCheckpoint: (id) => {
        this.#checkpoints.set(id, undefined);
        this.#appended.checkpoints.push({ kind: "remove", id });
      },
      oldCheckpoints: (before, statuses, limit) => this.#listed({ kind: "oldCheckpoints", before, statuses, limit }),
    } satisfies Partial<RowStore>;
  }

  #session(id: string): StoredSession | undefined {
    return this.#sessions.get(id) ?? this.#loaded(this.#cache.sessions, id, { kind: "session", id, hold: false });
  }

  #checkpoint(id: string): CheckpointRecord | undefined {
    if (this.#checkpoints.has(id)) return this.#checkpoints.get(id);
    return this.#loaded(this.#cache.checkpoints, id, { kind: "checkpoint", id });
  }

  #loaded<T>(rows: Known<T>, key: string, want: Want): T | undefined {
    if (!rows.has(key)) throw this.#cache.missing([want]);
    return rows.get(key);
  }

  #listed(want: Want): readonly string[] {
    const list = this.#cache.listOf(want);
    if (list === undefined) throw this.#cache.missing([want]);
    return list.keys.map(String);
  }
}

function nothingAppended(): Appended {
  return {
    inputs: [],
    arrivals: [],
    outputs: [],
    deltas: [],
    snapshots: [],
    memos: [],
    progress: [],
    failures: [],
    metrics: [],
    logs: [],
    audit: [],
    checkpoints: [],
  };
}

/** Lists that no step asks for: steps write by rows, and whoever wants to read does so outside of one. */
function onlyForReading() {
  const refuse = (): never => {
    throw new MillraceError("INTERNAL", "a step asked for a list that is only for reading");
  };
  return {
    definitions: refuse,
    runs: refuse,
    items: refuse,
    arrivals: refuse,
    outputs: refuse,
    deltasAfter: refuse,
    progress: refuse,
    failures: refuse,
    metrics: refuse,
    logs: refuse,
    audit: refuse,
    sessions: refuse,
    backlog: refuse,
    checkpointBody: refuse,
    checkpoints: refuse,
  } satisfies Partial<RowStore>;
}
