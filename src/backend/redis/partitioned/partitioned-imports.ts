/**
 * Imports of runs where definitions and idempotency keys lie in other partitions than the run: both are seen to before the
 * part is given to the partition of the run. A key is reserved with the first part and confirmed with the last one.
 */

import { isMillraceError } from "../../../core/errors.ts";
import type { BackendOperations } from "../../contract/operations.ts";
import type { DefinitionRecord } from "../../contract/records.ts";
import type { ImportOutcome, ImportPart } from "../../contract/transfer.ts";
import { checkPart } from "../../synchronous/run-import.ts";
import { writeDefinition } from "../history-rows.ts";
import { nameField } from "../keys.ts";
import type { Key, KeyRecord } from "./key-records.ts";
import type { Partitioned } from "./partitioned.ts";

export async function importOver(
  request: ImportPart,
  operations: BackendOperations,
  all: Partitioned,
): Promise<ImportOutcome> {
  checkPart(request);
  const { head, runId } = request.part;
  if (head === undefined) return await operations.transfer.import(request);
  const { workflow, idempotencyKey } = head.details;
  await shelve(head.definition, all);
  if (idempotencyKey === undefined) return await operations.transfer.import(request);
  return await importKeyed(request, { workflow, idempotencyKey }, runId, operations, all);
}

async function importKeyed(
  request: ImportPart,
  key: Key,
  runId: string,
  operations: BackendOperations,
  all: Partitioned,
): Promise<ImportOutcome> {
  const { holder, fresh } = await reserve(key, runId, all);
  if (holder !== undefined && (await operations.read.run(runId)) === undefined) {
    return { kind: "conflict", by: "idempotencyKey", runId: holder };
  }
  try {
    const outcome = await operations.transfer.import(request);
    if (outcome.kind === "imported" || outcome.kind === "existing") await confirm(key, runId, all);
    else if (outcome.kind !== "taken") await undo(key, fresh, all);
    return outcome;
  } catch (error) {
    // After any other error it is unknown what happened, and whoever tries again goes on from here.
    if (isMillraceError(error, "INVALID_VALUE")) await undo(key, fresh, all);
    throw error;
  }
}

/** Stores a definition without changing what its name and version stand for already. */
async function shelve(definition: DefinitionRecord, { map }: Partitioned): Promise<void> {
  const { keys, connection } = map.at(0);
  const { hash, name, version } = definition;
  await connection.call(keys.definitions, ["HSETNX", keys.definitions, hash, writeDefinition(definition)]);
  await connection.call(keys.names, ["HSETNX", keys.names, nameField(name, version), hash]);
}

interface Reservation {
  /** The run that has the key, if it is another one. */
  readonly holder?: string;
  /** The record as it was, and as it was written just now. */
  readonly fresh?: { readonly before: KeyRecord | undefined; readonly reserved: KeyRecord };
}

async function reserve(key: Key, runId: string, { records, operations, map }: Partitioned): Promise<Reservation> {
  for (;;) {
    const before = await records.read(key);
    if (before?.runId === runId) return {};
    const other = before && (await operations[map.numberOf(before.runId)]?.read.run(before.runId));
    if (before !== undefined && (other !== undefined || before.state === "reserved")) return { holder: before.runId };
    const reserved: KeyRecord = { state: "reserved", runId, replaces: undefined };
    if (await records.change(key, before, reserved)) return { fresh: { before, reserved } };
  }
}

async function undo(key: Key, fresh: Reservation["fresh"], { records }: Partitioned): Promise<void> {
  if (fresh !== undefined) await records.change(key, fresh.reserved, fresh.before);
}

async function confirm(key: Key, runId: string, { records }: Partitioned): Promise<void> {
  const record = await records.read(key);
  if (record?.runId !== runId || record.state === "confirmed") return;
  await records.change(key, record, { state: "confirmed", runId, replaces: undefined });
}
