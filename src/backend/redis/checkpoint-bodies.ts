/**
 * Bodies of checkpoints. A large one is put under a name of its own before the step, in parts, where nobody finds it until
 * the checkpoint's record says so; what a step does not come to is gone by itself after a while.
 */

import { Buffer } from "node:buffer";
import type { Changes } from "../remote/changes.ts";
import type { Connection } from "./connection.ts";
import { numberText, type PartitionKeys } from "./keys.ts";
import { toStoreError } from "./store-errors.ts";
import { bytesArgument } from "./writing.ts";

export interface StagedBody {
  readonly name: string;
  /** 0: it is not there yet, and small enough to go with the step. */
  readonly parts: number;
}

const PART_BYTES = 1_048_576;
const KEPT_SECONDS = "3600";

/** Where the bodies lie that the step puts, in the order of its changes. */
export async function stageBodies(
  { checkpoints }: Changes,
  connection: Connection,
  keys: PartitionKeys,
  version: string,
): Promise<readonly StagedBody[]> {
  const staged: StagedBody[] = [];
  for (const change of checkpoints) {
    if (change.kind !== "put") continue;
    const { record, body } = change;
    const name = `${version}${staged.length}`;
    staged.push({ name, parts: await stage(body, keys.checkpointBody(record.id, name), connection) });
  }
  return staged;
}

async function stage(body: Uint8Array, key: string, connection: Connection): Promise<number> {
  if (body.byteLength <= PART_BYTES) return 0;
  const bytes = bytesArgument(body);
  let parts = 0;
  try {
    for (let at = 0; at < bytes.byteLength; at += PART_BYTES) {
      parts += 1;
      await connection.call(key, ["HSET", key, numberText(parts), bytes.subarray(at, at + PART_BYTES)]);
      if (parts === 1) await connection.call(key, ["EXPIRE", key, KEPT_SECONDS]);
    }
  } catch (error) {
    throw toStoreError(error, connection.location);
  }
  return parts;
}

/** The parts of a body, together. */
export function joined(parts: readonly Buffer[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
