/** All tables of one namespace, as the store that the engine works on. Keeps rows and decides nothing. */

import type { RowStore } from "../synchronous/row-store.ts";
import { Checkpoints } from "./checkpoint-rows.ts";
import { ClaimableItems } from "./claimable-items.ts";
import { Contexts } from "./contexts.ts";
import { Definitions } from "./definitions.ts";
import { Entries } from "./entries.ts";
import { Groups } from "./groups.ts";
import { History } from "./history.ts";
import { Items } from "./items.ts";
import { Progress } from "./progress.ts";
import { Runs } from "./runs.ts";
import { Sessions } from "./sessions.ts";
import type { Tables } from "./tables.ts";

export function sqliteRowStore(tables: Tables): RowStore {
  const runs = new Runs(tables);
  const entries = new Entries(tables, runs);
  return {
    ...runRows(tables, runs),
    ...itemRows(tables, runs, entries),
    ...resultRows(tables, runs),
    ...namespaceRows(tables),
    entry: (kind, key) => entries.entry(kind, key),
    putEntry: (entry) => entries.putEntry(entry),
    removeEntry: (entry) => entries.removeEntry(entry),
    entries: (list, range) => entries.entries(list, range),
  };
}

function runRows(tables: Tables, runs: Runs) {
  const contexts = new Contexts(tables, runs);
  return {
    runState: (runId) => runs.runState(runId),
    runStates: (runIds) => runIds.flatMap((runId) => runs.runState(runId) ?? []),
    runRecord: (runId) => runs.runRecord(runId),
    runFailure: (runId) => runs.runFailure(runId),
    runIdByKey: (workflow, key) => runs.runIdByKey(workflow, key),
    insertRun: (state, details) => runs.insertRun(state, details),
    putRun: (state) => runs.putRun(state),
    putRunFailure: (runId, failure) => runs.putRunFailure(runId, failure),
    putRunOutput: (runId, output) => runs.putRunOutput(runId, output),
    runs: (filter, page) => runs.runs(filter, page),
    expiredRuns: (now, limit) => runs.expiredRuns(now, limit),
    finishedRuns: (before, limit) => runs.finishedRuns(before, limit),
    removeRun: (runId) => runs.removeRun(runId),

    insertDelta: (runId, delta) => contexts.insertDelta(runId, delta),
    deltasAfter: (runId, after, upTo, maxBytes) => contexts.deltasAfter(runId, after, upTo, maxBytes),
    snapshot: (runId, shape, upTo) => contexts.snapshot(runId, shape, upTo),
    putSnapshot: (runId, shape, sequence, bytes) => contexts.putSnapshot(runId, shape, sequence, bytes),
  } satisfies Partial<RowStore>;
}

function itemRows(tables: Tables, runs: Runs, entries: Entries) {
  const items = new Items(tables, runs);
  const claimable = new ClaimableItems(tables, items);
  return {
    item: (runId, item) => items.item(runId, item),
    payload: (runId, item) => items.payload(runId, item),
    insertItem: (item, payload, placement, definition) => items.insertItem(item, payload, placement, definition),
    putItem: (item, placement) => items.putItem(item, placement),
    putPlacement: (runId, item, placement) => items.putPlacement(runId, item, placement),
    putInput: (runId, item, input) => items.putInput(runId, item, input),
    items: (filter, page) => items.items(filter, page),
    unfinished: (runId) => items.unfinished(runId),
    aside: (runId) => items.aside(runId),
    heldNodes: (runId) => items.heldNodes(runId),
    itemsOf: (session) => items.itemsOf(session),
    memos: (runId, item) => items.memos(runId, item),
    insertMemo: (runId, item, name, value) => items.insertMemo(runId, item, name, value),

    ready: (selection, stalled, limit) => claimable.ready(selection, stalled, limit),
    due: (now, limit) => claimable.due(now, limit),
    nextDueAt: () => earlier(claimable.nextDueAt(), entries.firstDue()),
    backlog: () => claimable.backlog(),
  } satisfies Partial<RowStore>;
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

/** What attempts leave behind. */
function resultRows(tables: Tables, runs: Runs) {
  const groups = new Groups(tables, runs);
  const history = new History(tables, runs);
  const progress = new Progress(tables, runs);
  return {
    group: (runId, group) => groups.group(runId, group),
    putGroup: (group) => groups.putGroup(group),
    insertArrival: (arrival) => groups.insertArrival(arrival),
    arrivals: (runId, group, join, page) => groups.arrivals(runId, group, join, page),
    insertOutput: (runId, output) => groups.insertOutput(runId, output),
    outputs: (runId, page) => groups.outputs(runId, page),

    putProgress: (runId, record) => progress.putProgress(runId, record),
    progress: (runId, items) => progress.progress(runId, items),

    insertFailure: (entry) => history.insertFailure(entry),
    failures: (filter, page) => history.failures(filter, page),
    insertMetric: (entry) => history.insertMetric(entry),
    metrics: (runId, page) => history.metrics(runId, page),
    insertLog: (runId, item, attempt, line) => history.insertLog(runId, item, attempt, line),
    logs: (filter, page) => history.logs(filter, page),
    insertAudit: (entry) => history.insertAudit(entry),
    audit: (runId, page) => history.audit(runId, page),
  } satisfies Partial<RowStore>;
}

/** What belongs to no run. */
function namespaceRows(tables: Tables) {
  const definitions = new Definitions(tables);
  const sessions = new Sessions(tables);
  const checkpoints = new Checkpoints(tables);
  return {
    definition: (hash) => definitions.definition(hash),
    definitionHash: (name, version) => definitions.definitionHash(name, version),
    definitions: () => definitions.definitions(),
    putDefinition: (record) => definitions.putDefinition(record),

    session: (id) => sessions.session(id),
    sessions: () => sessions.sessions(),
    putSession: (session) => sessions.putSession(session),
    expiredSessions: (now) => sessions.expiredSessions(now),
    removeSessions: (before) => sessions.removeSessions(before),

    checkpoint: (id) => checkpoints.checkpoint(id),
    checkpointBody: (id) => checkpoints.checkpointBody(id),
    putCheckpoint: (record, body) => checkpoints.putCheckpoint(record, body),
    appendCheckpoint: (record, part) => checkpoints.appendCheckpoint(record, part),
    removeCheckpoint: (id) => checkpoints.removeCheckpoint(id),
    checkpoints: (filter, page) => checkpoints.checkpoints(filter, page),
    oldCheckpoints: (before, statuses, limit) => checkpoints.oldCheckpoints(before, statuses, limit),
  } satisfies Partial<RowStore>;
}
