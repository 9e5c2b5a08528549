/**
 * Starts with an idempotency key, where the key's record and the run may lie in different partitions, so that no single
 * step writes both. The record is written first:
 *
 *   1. It reserves the key for the id of the run: nobody else starts another run under the key from here on.
 *   2. A run whose place it takes (`cancelRunning`) is cancelled.
 *   3. The run is started, idempotent by its id.
 *   4. The record is confirmed.
 *
 * Whoever stops on the way leaves a reserved record behind. Whoever comes next goes on from there: cancels what was to be
 * cancelled, starts the run under the reserved id with what it brings itself, and confirms. A confirmed record whose run is
 * gone stands for nothing and is reserved anew. Invariant: at no time do two runs that are there stand under one key, but for
 * one that was cancelled to make room.
 */

import { MillraceError } from "../../../core/errors.ts";
import { isTerminalRun } from "../../../core/status.ts";
import type { BackendOperations } from "../../contract/operations.ts";
import type { RunRecord, StartOutcome, StartRun } from "../../contract/run.ts";
import type { DefinitionShelf } from "../definition-shelf.ts";
import type { Key, KeyRecord, KeyRecords } from "./key-records.ts";

/** What it needs of the partitions. */
export interface StartPorts {
  readonly records: Pick<KeyRecords, "read" | "change">;
  readonly shelf: Pick<DefinitionShelf, "read">;
  /** The partition that a run of this id is in. */
  of(runId: string): Pick<BackendOperations, "startRuns" | "control" | "read">;
}

/** Changes of a record that may come in between, before it is called unavailable. */
const MOST_TRIES = 50;

type KeyedStart = StartRun & { readonly idempotencyKey: string };

export async function startKeyed(start: KeyedStart, ports: StartPorts): Promise<StartOutcome> {
  const { records } = ports;
  const own = await ports.of(start.id).read.run(start.id);
  if (own !== undefined) return found(own, start, "id");
  const key: Key = start;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const record = await records.read(key);
    const outcome = await (record?.state === "reserved"
      ? goOn(start, record, ports)
      : decide(start, record, await runOf(record, ports), ports));
    if (outcome !== undefined) return outcome;
  }
  throw new MillraceError("BACKEND_UNAVAILABLE", "the idempotency key of a start changed hands all the time");
}

/** The key stands for a run that is there, or for none. Nothing, if somebody else was faster. */
async function decide(
  start: KeyedStart,
  record: KeyRecord | undefined,
  run: RunRecord | undefined,
  ports: StartPorts,
): Promise<StartOutcome | undefined> {
  const isReplaced =
    run !== undefined && start.onConflict === "cancelRunning" && isSame(run, start) && !isTerminalRun(run.status);
  if (run !== undefined && !isReplaced) return found(run, start, "idempotencyKey");
  if ((await ports.shelf.read(start.definition)) === undefined) return { kind: "unknownDefinition" };
  const reserved: KeyRecord = { state: "reserved", runId: start.id, replaces: run?.id };
  if (!(await ports.records.change(start, record, reserved))) return undefined;
  return await goOn(start, reserved, ports);
}

/** From a reserved record to a confirmed one. */
async function goOn(start: KeyedStart, record: KeyRecord, ports: StartPorts): Promise<StartOutcome | undefined> {
  const { runId, replaces } = record;
  if (replaces !== undefined) await cancel(replaces, runId, ports);
  const [outcome] = await ports.of(runId).startRuns([{ ...start, id: runId, onConflict: "return" }]);
  if (outcome === undefined || outcome.kind === "unknownDefinition") return outcome;
  // A run that is being imported is there for nobody yet: its import confirms.
  const isThere = outcome.kind === "started" || (await ports.of(runId).read.run(runId)) !== undefined;
  if (isThere) await ports.records.change(start, record, { state: "confirmed", runId, replaces: undefined });
  return outcome.kind === "started" ? outcome : found(outcome.run, start, "idempotencyKey");
}

async function cancel(runId: string, by: string, ports: StartPorts): Promise<void> {
  const reason = `replaced by run ${by} under the same idempotency key`;
  await ports.of(runId).control([{ action: { kind: "cancel", runId, reason }, actor: "startRun" }]);
}

async function runOf(record: KeyRecord | undefined, ports: StartPorts): Promise<RunRecord | undefined> {
  return record === undefined ? undefined : await ports.of(record.runId).read.run(record.runId);
}

function found(run: RunRecord, start: StartRun, by: "idempotencyKey" | "id"): StartOutcome {
  return isSame(run, start) && start.onConflict !== "fail" ? { kind: "existing", run } : { kind: "conflict", run, by };
}

function isSame(run: RunRecord, start: StartRun): boolean {
  return run.workflow === start.workflow && run.inputDigest === start.inputDigest;
}
