/**
 * A server in this process: rows in memory behind the interface that a server has, so that the engine for stores on
 * servers is tested without one. Steps are optimistic: one whose rows have changed since it loaded them is told to begin
 * again. Rows in memory never change in place, so that a row is what it was exactly if it is the same object.
 */

import type { CheckpointRecord } from "../../src/backend/contract/checkpoints.ts";
import type { Claim, Peek } from "../../src/backend/contract/claim.ts";
import type { BackendOperations, Wakeup } from "../../src/backend/contract/operations.ts";
import type { RunDetails } from "../../src/backend/contract/run.ts";
import { createMemoryStore } from "../../src/backend/memory/memory-store.ts";
import type { Changes, LoadedItem } from "../../src/backend/remote/changes.ts";
import { remoteOperations } from "../../src/backend/remote/remote-operations.ts";
import type {
  CommitResult,
  LoadedRows,
  RemoteReads,
  RemoteStep,
  RemoteStore,
} from "../../src/backend/remote/remote-store.ts";
import type { Want } from "../../src/backend/remote/wants.ts";
import type { Entry, Executor, Placement, RowStore, StoredSession } from "../../src/backend/synchronous/row-store.ts";
import { DUE_ENTRIES } from "../../src/backend/synchronous/row-store.ts";
import { createWakeupHub, type WakeupHub } from "../../src/backend/synchronous/wakeups.ts";
import { checkName } from "../../src/core/names.ts";
import { type Clock, systemClock, systemRandom } from "../../src/core/ports.ts";

/** One namespace on the server. */
export interface FarNamespace {
  readonly store: RowStore;
  readonly executor: Executor;
  readonly placements: Map<string, Placement>;
  readonly wakeups: WakeupHub;
}

interface FarTraffic {
  begins: number;
  loads: number;
  commits: number;
  lost: number;
}

export function farNamespace(): FarNamespace {
  const { store, executor } = createMemoryStore();
  return { store, executor, placements: new Map(), wakeups: createWakeupHub() };
}

export interface FarOptions {
  readonly namespace: string;
  readonly far: FarNamespace;
  readonly clock: Clock;
  readonly traffic?: FarTraffic | undefined;
  /** Foreseen wants are dropped: every row is asked for when it turns out to be missing. */
  readonly blind?: boolean | undefined;
}

export function farOperations({ namespace, far, clock, traffic, blind }: FarOptions): BackendOperations {
  checkName(namespace, "the namespace");
  const server = new FarServer(far, clock, traffic ?? { begins: 0, loads: 0, commits: 0, lost: 0 }, blind === true);
  return remoteOperations({
    kind: "far",
    location: "far:",
    namespace,
    capabilities: { durability: "none", shared: true, pushWakeups: true, renewal: "main" },
    store: server,
    wakeups: far.wakeups,
    clock: systemClock,
    random: systemRandom,
  });
}

class FarServer implements RemoteStore {
  readonly read: RemoteReads;
  readonly #far: FarNamespace;
  readonly #clock: Clock;
  readonly #traffic: FarTraffic;
  readonly #blind: boolean;

  constructor(far: FarNamespace, clock: Clock, traffic: FarTraffic, blind: boolean) {
    this.#far = far;
    this.#clock = clock;
    this.#traffic = traffic;
    this.#blind = blind;
    this.read = readsOver(far);
  }

  async begin(wants: readonly Want[], rows: LoadedRows): Promise<RemoteStep> {
    this.#traffic.begins += 1;
    const now = this.#clock.now();
    const seen: Seen = { sessions: new Map(), checkpoints: new Map(), entries: new Map() };
    await this.#load(this.#blind ? [] : wants, rows, seen, now);
    return {
      now,
      load: async (more, into) => {
        this.#traffic.loads += 1;
        await this.#load(more, into, seen, now);
      },
      commit: (changes, { nextDue }) => this.#commit(changes, seen, nextDue),
      abandon: async () => undefined,
    };
  }

  async peek({ queues, definitions, labels, limit, stalledLimit, graceMs }: Claim): Promise<Peek> {
    const { store } = this.#far;
    const now = this.#clock.now();
    const selection = { queues, definitions, labels };
    const lies = (stalled: boolean, most: number): boolean =>
      limit > 0 && most > 0 && store.ready(selection, stalled, 1).length > 0;
    const ready =
      store.due(now, 1).length > 0 ||
      store.expiredRuns(now, 1).length > 0 ||
      store.expiredSessions(now).some(({ until }) => until + graceMs <= now) ||
      store.entries(DUE_ENTRIES, { upTo: now, limit: 1 }).length > 0 ||
      lies(true, stalledLimit) ||
      lies(false, limit);
    return { now, ready, nextDueAt: store.nextDueAt() };
  }

  async advise(): Promise<readonly []> {
    return [];
  }

  announce(_wakeups: readonly Wakeup[]): void {
    // All handles share one hub, which has told everybody.
  }

  async now(): Promise<number> {
    return this.#clock.now();
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  async #load(wants: readonly Want[], rows: LoadedRows, seen: Seen, now: number): Promise<void> {
    await Promise.resolve();
    for (const want of wants) loadWant(this.#far, want, { rows, seen, now });
  }

  async #commit(changes: Changes, seen: Seen, nextDue: boolean): Promise<CommitResult> {
    const { store, executor } = this.#far;
    return await executor.write(() => {
      this.#traffic.commits += 1;
      if (!isUnchanged(store, changes, seen)) {
        this.#traffic.lost += 1;
        return { kind: "again", wants: [] };
      }
      apply(this.#far, changes);
      return { kind: "done", nextDueAt: nextDue ? store.nextDueAt() : undefined, contended: false };
    });
  }
}

function keyOf(runId: string, item: number): string {
  return `${runId}.${item}`;
}

/** Rows of a step that can't be told to be unchanged from its changes alone. */
interface Seen {
  readonly sessions: Map<string, StoredSession | undefined>;
  readonly checkpoints: Map<string, CheckpointRecord | undefined>;
  /** As text, since entries are copied when they are read. */
  readonly entries: Map<string, string | undefined>;
}

function giveSession(rows: LoadedRows, seen: Seen, id: string, session: StoredSession | undefined): void {
  seen.sessions.set(id, session);
  rows.session(id, session);
}

function giveEntry(rows: LoadedRows, seen: Seen, kind: string, key: string, entry: Entry | undefined): void {
  seen.entries.set(JSON.stringify([kind, key]), JSON.stringify(entry));
  rows.entry(kind, key, entry);
}

function giveCheckpoint(rows: LoadedRows, seen: Seen, id: string, record: CheckpointRecord | undefined): void {
  seen.checkpoints.set(id, record);
  rows.checkpoint(id, record);
}

function isUnchanged(store: RowStore, changes: Changes, seen: Seen): boolean {
  const replaced = new Set([...changes.updatedRuns, ...changes.insertedRuns].map(({ state }) => state.id));
  const isFree = ({ workflow, idempotencyKey }: RunDetails): boolean => {
    const holder = idempotencyKey === undefined ? undefined : store.runIdByKey(workflow, idempotencyKey);
    return holder === undefined || replaced.has(holder);
  };
  return (
    changes.insertedRuns.every(({ state, details }) => store.runState(state.id) === undefined && isFree(details)) &&
    changes.entries.every(
      ({ kind, key }) => JSON.stringify(store.entry(kind, key)) === seen.entries.get(JSON.stringify([kind, key])),
    ) &&
    changes.sessions.every(({ id }) => store.session(id) === seen.sessions.get(id)) &&
    changes.checkpoints.every((change) => {
      const id = change.kind === "remove" ? change.id : change.record.id;
      return store.checkpoint(id) === seen.checkpoints.get(id);
    }) &&
    changes.updatedRuns.every(({ state, before }) => store.runState(state.id) === before) &&
    changes.removedRuns.every((before) => store.runState(before.id) === before) &&
    changes.updatedItems.every(({ item, before }) => store.item(item.runId, item.item) === before.item)
  );
}

function apply({ store, placements }: FarNamespace, changes: Changes): void {
  for (const record of changes.definitions) store.putDefinition(record);
  for (const { state, details } of changes.insertedRuns) store.insertRun(state, details);
  for (const { state } of changes.updatedRuns) store.putRun(state);
  for (const { runId, failure } of changes.runFailures) store.putRunFailure(runId, failure);
  for (const { runId, output } of changes.runOutputs) store.putRunOutput(runId, output);
  for (const { id } of changes.removedRuns) store.removeRun(id);
  const inserted = [...changes.insertedItems].sort((a, b) => a.item.item - b.item.item);
  for (const { item, payload, placement, definition } of inserted) {
    store.insertItem(item, payload, placement, definition);
    placements.set(keyOf(item.runId, item.item), placement);
  }
  for (const { item, placement } of changes.updatedItems) {
    store.putItem(item, placement);
    placements.set(keyOf(item.runId, item.item), placement);
  }
  for (const { runId, item, input } of changes.inputs) store.putInput(runId, item, input);
  applyResults(store, changes);
  for (const { before, after } of changes.entries) {
    if (after !== undefined) store.putEntry(after);
    else if (before !== undefined) store.removeEntry(before);
  }
  for (const session of changes.sessions) store.putSession(session);
  if (changes.forgetSessionsBefore !== undefined) store.removeSessions(changes.forgetSessionsBefore);
  for (const change of changes.checkpoints) {
    if (change.kind === "remove") store.removeCheckpoint(change.id);
    else if (change.kind === "put") store.putCheckpoint(change.record, change.body);
    else store.appendCheckpoint(change.record, change.body);
  }
}

function applyResults(store: RowStore, changes: Changes): void {
  for (const group of changes.groups) store.putGroup(group);
  for (const arrival of changes.arrivals) store.insertArrival(arrival);
  for (const { runId, output } of changes.outputs) store.insertOutput(runId, output);
  for (const { runId, delta } of changes.deltas) store.insertDelta(runId, delta);
  for (const { runId, shape, sequence, bytes } of changes.snapshots) store.putSnapshot(runId, shape, sequence, bytes);
  for (const { runId, item, name, value } of changes.memos) store.insertMemo(runId, item, name, value);
  for (const { runId, progress } of changes.progress) store.putProgress(runId, progress);
  for (const entry of changes.failures) store.insertFailure(entry);
  for (const entry of changes.metrics) store.insertMetric(entry);
  for (const { runId, item, attempt, line } of changes.logs) store.insertLog(runId, item, attempt, line);
  for (const entry of changes.audit) store.insertAudit(entry);
}

/** Gives the item, and what the interface says comes along with it. */
function giveItem({ store, placements }: FarNamespace, runId: string, item: number, rows: LoadedRows): void {
  const found = store.item(runId, item);
  const run = store.runState(runId);
  if (found === undefined || run === undefined) return rows.item(runId, item, undefined);
  const placement = placements.get(keyOf(runId, item)) ?? { kind: "none" };
  const row: LoadedItem = {
    item: found,
    placement,
    definition: run.definition,
    hasMemos: store.memos(runId, item).size > 0,
  };
  rows.item(runId, item, row);
  if (found.group !== undefined) giveGroups(store, runId, found.group, rows);
}

function giveGroups(store: RowStore, runId: string, group: number, rows: LoadedRows): void {
  const found = store.group(runId, group);
  rows.group(runId, group, found);
  if (found?.parent !== undefined) giveGroups(store, runId, found.parent, rows);
}

interface Loading {
  readonly rows: LoadedRows;
  readonly seen: Seen;
  readonly now: number;
}

function loadWant(far: FarNamespace, want: Want, { rows, seen, now }: Loading): void {
  const { store } = far;
  const list = (items: readonly { readonly runId: string; readonly item: number }[], complete: boolean): void => {
    for (const { runId, item } of items) {
      giveItem(far, runId, item, rows);
      rows.run(runId, store.runState(runId));
    }
    rows.list(
      want,
      items.map(({ runId, item }) => ({ runId, item })),
      complete,
    );
  };
  switch (want.kind) {
    case "definition":
      return rows.definition(want.hash, store.definition(want.hash));
    case "definitionHash":
      return rows.definitionHash(want.name, want.version, store.definitionHash(want.name, want.version));
    case "run":
      return rows.run(want.runId, store.runState(want.runId));
    case "runDetails":
      return rows.runDetails(want.runId, store.runRecord(want.runId));
    case "runIdByKey":
      return rows.runIdByKey(want.workflow, want.idempotencyKey, store.runIdByKey(want.workflow, want.idempotencyKey));
    case "item":
      return giveItem(far, want.runId, want.item, rows);
    case "group":
      return giveGroups(store, want.runId, want.group, rows);
    case "payload":
      return rows.payload(want.runId, want.item, store.payload(want.runId, want.item));
    case "memos":
      return rows.memos(want.runId, want.item, store.memos(want.runId, want.item));
    case "unfinished":
      return list(store.unfinished(want.runId), true);
    case "aside":
      return list(store.aside(want.runId), true);
    case "heldNodes":
      return rows.list(want, store.heldNodes(want.runId), true);
    case "itemsOf":
      return list(store.itemsOf(want.session), true);
    case "ready": {
      const found = store.ready(want.selection, want.stalled, want.limit);
      return list(found, found.length < want.limit);
    }
    case "due": {
      const found = store.due(now, want.limit);
      return list(found, found.length < want.limit);
    }
    case "session":
      return giveSession(rows, seen, want.id, store.session(want.id));
    case "snapshot":
      return rows.snapshot(
        want.runId,
        want.shape,
        store.snapshot(want.runId, want.shape, Number.MAX_SAFE_INTEGER)?.sequence,
      );
    case "entry":
      return giveEntry(rows, seen, want.entryKind, want.key, store.entry(want.entryKind, want.key));
    case "entries": {
      const found = store.entries(want.list, { after: want.after, limit: want.limit });
      for (const entry of found) giveEntry(rows, seen, entry.kind, entry.key, entry);
      return rows.list(
        want,
        found.map(({ kind, key }) => ({ kind, key })),
        found.length < want.limit,
      );
    }
    case "checkpoint":
      return giveCheckpoint(rows, seen, want.id, store.checkpoint(want.id));
    default:
      return loadKeys(store, want, { rows, seen, now });
  }
}

function loadKeys(store: RowStore, want: Want, { rows, seen, now }: Loading): void {
  switch (want.kind) {
    case "expiredRuns": {
      const found = store.expiredRuns(now, want.limit);
      for (const run of found) rows.run(run.id, run);
      const ids = found.map(({ id }) => id);
      return rows.list(want, ids, found.length < want.limit);
    }
    case "finishedRuns": {
      const ids = store.finishedRuns(want.before, want.limit);
      for (const id of ids) rows.run(id, store.runState(id));
      return rows.list(want, ids, ids.length < want.limit);
    }
    case "expiredSessions": {
      const found = store.expiredSessions(now);
      for (const session of found) giveSession(rows, seen, session.id, session);
      const ids = found.map(({ id }) => id);
      return rows.list(want, ids, true);
    }
    case "oldCheckpoints": {
      const ids = store.oldCheckpoints(want.before, want.statuses, want.limit);
      for (const id of ids) giveCheckpoint(rows, seen, id, store.checkpoint(id));
      return rows.list(want, ids, ids.length < want.limit);
    }
    default:
      throw new Error(`nobody loads ${want.kind}`);
  }
}

function readsOver({ store }: FarNamespace): RemoteReads {
  return {
    definition: async (...given) => store.definition(...given),
    definitions: async () => store.definitions(),
    runState: async (...given) => store.runState(...given),
    runStates: async (...given) => store.runStates(...given),
    runRecord: async (...given) => store.runRecord(...given),
    runIdByKey: async (...given) => store.runIdByKey(...given),
    runs: async (...given) => store.runs(...given),
    item: async (...given) => store.item(...given),
    payload: async (...given) => store.payload(...given),
    items: async (...given) => store.items(...given),
    group: async (...given) => store.group(...given),
    arrivals: async (...given) => store.arrivals(...given),
    outputs: async (...given) => store.outputs(...given),
    deltasAfter: async (...given) => store.deltasAfter(...given),
    snapshot: async (...given) => store.snapshot(...given),
    memos: async (...given) => store.memos(...given),
    progress: async (...given) => store.progress(...given),
    failures: async (...given) => store.failures(...given),
    metrics: async (...given) => store.metrics(...given),
    logs: async (...given) => store.logs(...given),
    audit: async (...given) => store.audit(...given),
    session: async (...given) => store.session(...given),
    sessions: async () => store.sessions(),
    backlog: async () => store.backlog(),
    entry: async (...given) => store.entry(...given),
    entries: async (...given) => store.entries(...given),
    checkpoint: async (...given) => store.checkpoint(...given),
    checkpointBody: async (...given) => store.checkpointBody(...given),
    checkpoints: async (...given) => store.checkpoints(...given),
  };
}
