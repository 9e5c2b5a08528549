/**
 * The rows of one read: what it asks for is fetched once, and the read is run again with it from its start, until it has
 * all that it needs. Most reads ask for one thing. One that asks for many goes on asking after the first that is missing,
 * and all of them are fetched together.
 */

import { MillraceError } from "../../core/errors.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { RemoteReads } from "./remote-store.ts";

/** Ends a run of a read that needs an answer which is not there yet. */
class AnswerMissing extends Error {
  override readonly name = "AnswerMissing";
}

/** How to fetch what was asked for and is missing, by what it is. */
type Missing = Map<string, () => Promise<void>>;

export async function readRemotely<T>(reads: RemoteReads, work: (rows: RowStore) => T): Promise<T> {
  const missing: Missing = new Map();
  const rows = answeredRows(reads, missing);
  for (;;) {
    try {
      return work(rows);
    } catch (error) {
      if (!(error instanceof AnswerMissing)) throw error;
      const fetches = [...missing.values()];
      missing.clear();
      await Promise.all(fetches.map((fetch) => fetch()));
    }
  }
}

function answeredRows(reads: RemoteReads, missing: Missing): RowStore {
  const answer = <P extends readonly unknown[], R>(name: string, method: (...parameters: P) => Promise<R>) => {
    const known: Map<string, { readonly given: R }> = new Map();
    return (...parameters: P): R => {
      const key = JSON.stringify(parameters);
      const found = known.get(key);
      if (found !== undefined) return found.given;
      missing.set(`${name} ${key}`, async () => {
        known.set(key, { given: await method(...parameters) });
      });
      throw new AnswerMissing("an answer is missing");
    };
  };
  return {
    ...refusedWrites(),
    definition: answer("definition", reads.definition),
    definitions: answer("definitions", reads.definitions),
    runState: answer("runState", reads.runState),
    runStates: answer("runStates", reads.runStates),
    runRecord: answer("runRecord", reads.runRecord),
    runIdByKey: answer("runIdByKey", reads.runIdByKey),
    runs: answer("runs", reads.runs),
    item: answer("item", reads.item),
    payload: answer("payload", reads.payload),
    items: answer("items", reads.items),
    group: answer("group", reads.group),
    arrivals: answer("arrivals", reads.arrivals),
    outputs: answer("outputs", reads.outputs),
    deltasAfter: answer("deltasAfter", reads.deltasAfter),
    snapshot: answer("snapshot", reads.snapshot),
    memos: answer("memos", reads.memos),
    progress: answer("progress", reads.progress),
    failures: answer("failures", reads.failures),
    metrics: answer("metrics", reads.metrics),
    logs: answer("logs", reads.logs),
    audit: answer("audit", reads.audit),
    session: answer("session", reads.session),
    sessions: answer("sessions", reads.sessions),
    backlog: answer("backlog", reads.backlog),
    entry: answer("entry", reads.entry),
    entries: answer("entries", reads.entries),
    checkpoint: answer("checkpoint", reads.checkpoint),
    checkpointBody: answer("checkpointBody", reads.checkpointBody),
    checkpoints: answer("checkpoints", reads.checkpoints),
  };
}

/** Nothing is written by a read, and what only steps ask for is not asked for by one. */
function refusedWrites() {
  const refuse = (): never => {
    throw new MillraceError("INTERNAL", "a read asked for what only steps may do");
  };
  return {
    definitionHash: refuse,
    putDefinition: refuse,
    runFailure: refuse,
    insertRun: refuse,
    putRun: refuse,
    putRunFailure: refuse,
    putRunOutput: refuse,
    expiredRuns: refuse,
    finishedRuns: refuse,
    removeRun: refuse,
    insertItem: refuse,
    putItem: refuse,
    putPlacement: refuse,
    putInput: refuse,
    unfinished: refuse,
    aside: refuse,
    heldNodes: refuse,
    itemsOf: refuse,
    ready: refuse,
    due: refuse,
    nextDueAt: refuse,
    putGroup: refuse,
    insertArrival: refuse,
    insertOutput: refuse,
    insertDelta: refuse,
    putSnapshot: refuse,
    insertMemo: refuse,
    putProgress: refuse,
    insertFailure: refuse,
    insertMetric: refuse,
    insertLog: refuse,
    insertAudit: refuse,
    putEntry: refuse,
    removeEntry: refuse,
    putSession: refuse,
    expiredSessions: refuse,
    removeSessions: refuse,
    putCheckpoint: refuse,
    appendCheckpoint: refuse,
    removeCheckpoint: refuse,
    oldCheckpoints: refuse,
  } satisfies Partial<RowStore>;
}
