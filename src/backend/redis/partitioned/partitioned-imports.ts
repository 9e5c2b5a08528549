/**
 * Imports of runs where definitions and idempotency keys lie in other partitions than the run: both are seen to before the
 * part is given to the partition of the run. A key is reserved with the first part and confirmed with the last one.
 */

import type { BackendOperations } from "../../contract/operations.ts";
import type { DefinitionRecord } from "../../contract/records.ts";
import type { ImportOutcome, ImportPart } from "../../contract/transfer.ts";
import { writeDefinition } from "../history-rows.ts";
import { nameField } from "../keys.ts";
import type { Key, KeyRecord } from "./key-records.ts";
import type { Partitioned } from "./partitioned.ts";

export async function importOver(
  request: ImportPart,
  operations: BackendOperations,
  all: Partitioned,
): Promise<ImportOutcome> {
  const { head, runId, last } = request.part;
  if (head === undefined) return await operations.transfer.import(request);
  await shelve(head.definition, all);
  const { workflow, idempotencyKey } = head.details;
  if (idempotencyKey === undefined) return await operations.transfer.import(request);
  const key: Key = { workflow, idempotencyKey };
  const holder = await reserve(key, runId, all);
  if (holder !== undefined) {
    const there = await operations.read.run(runId);
    if (there === undefined) return { kind: "conflict", by: "idempotencyKey", runId: holder };
  }
  const outcome = await operations.transfer.import(request);
  if (last && outcome.kind === "imported") await confirm(key, runId, all);
  return outcome;
}

/** Stores a definition without changing what its name and version stand for already. */
async function shelve(definition: DefinitionRecord, { map }: Partitioned): Promise<void> {
  const { keys, connection } = map.at(0);
  const { hash, name, version } = definition;
  await connection.call(keys.definitions, ["HSETNX", keys.definitions, hash, writeDefinition(definition)]);
  await connection.call(keys.names, ["HSETNX", keys.names, nameField(name, version), hash]);
}

/** The run that has the key, if it is another one that is there. */
async function reserve(
  key: Key,
  runId: string,
  { records, operations, map }: Partitioned,
): Promise<string | undefined> {
  for (;;) {
    const record = await records.read(key);
    if (record?.runId === runId) return undefined;
    const other =
      record === undefined ? undefined : await operations[map.numberOf(record.runId)]?.read.run(record.runId);
    if (record !== undefined && (other !== undefined || record.state === "reserved")) return record.runId;
    const reserved: KeyRecord = { state: "reserved", runId, replaces: undefined };
    if (await records.change(key, record, reserved)) return undefined;
  }
}

async function confirm(key: Key, runId: string, { records }: Partitioned): Promise<void> {
  const record = await records.read(key);
  if (record?.runId !== runId || record.state === "confirmed") return;
  await records.change(key, record, { state: "confirmed", runId, replaces: undefined });
}
