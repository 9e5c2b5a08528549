/**
 * Which run an idempotency key stands for, where keys and runs may lie in different partitions. Each key has one record,
 * in the partition that its name tells; it is changed only by whoever knows what it says.
 */

import type { Partition } from "../partition.ts";
import type { PartitionMap } from "../partition-map.ts";
import { listOf, numberOf, optionalText } from "../reply.ts";
import { listAt, optionalTextAt, readList, textAt } from "../stored-list.ts";

export interface KeyRecord {
  /** `reserved`: the run may not be there yet. */
  readonly state: "reserved" | "confirmed";
  readonly runId: string;
  /** While reserved: an open run that it takes the place of, and that is to be cancelled first. */
  readonly replaces: string | undefined;
}

export interface Key {
  readonly workflow: string;
  readonly idempotencyKey: string;
}

export class KeyRecords {
  readonly #map: PartitionMap;

  constructor(map: PartitionMap) {
    this.#map = map;
  }

  async read(key: Key): Promise<KeyRecord | undefined> {
    const [partition, name] = this.#place(key);
    return readRecord(optionalText(await partition.reads.one("GET", name)));
  }

  /** The run that the key stands for, once that is there. */
  async holder(key: Key): Promise<string | undefined> {
    const record = await this.read(key);
    return record?.state === "confirmed" ? record.runId : undefined;
  }

  /** Whether it was as expected, and now is as given. */
  async change(key: Key, expected: KeyRecord | undefined, given: KeyRecord | undefined): Promise<boolean> {
    const [partition, name] = this.#place(key);
    const [before, after] = [expected, given].map((record) => (record === undefined ? "" : writeRecord(record)));
    const args = ["value", name, "", before ?? "", after ?? ""];
    const [changed] = listOf(await partition.script("compare-and-set", args));
    return numberOf(changed) === 1;
  }

  /** Forgets keys of runs that were removed from the partition, unless they stand for others by now. */
  async forgetFreed(partition: Partition): Promise<void> {
    const { reads, keys, connection } = partition;
    const freed = listOf(await reads.one("SMEMBERS", keys.freedKeys)).map((member) => optionalText(member) ?? "[]");
    for (const member of freed) {
      const list = readList(member, "a freed key");
      const key = { workflow: textAt(list, 0), idempotencyKey: textAt(list, 1) };
      const record = await this.read(key);
      if (record?.runId === textAt(list, 2)) await this.change(key, record, undefined);
      await connection.call(keys.freedKeys, ["SREM", keys.freedKeys, member]);
    }
  }

  #place({ workflow, idempotencyKey }: Key): readonly [Partition, string] {
    const partition = this.#map.of(keyName(workflow, idempotencyKey));
    return [partition, partition.keys.byKey(workflow, idempotencyKey)];
  }
}

/** What tells the partition of a key. */
function keyName(workflow: string, idempotencyKey: string): string {
  return JSON.stringify([workflow, idempotencyKey]);
}

function writeRecord({ state, runId, replaces }: KeyRecord): string {
  return JSON.stringify([state, [runId], ...(replaces === undefined ? [] : [replaces])]);
}

function readRecord(stored: string | undefined): KeyRecord | undefined {
  if (stored === undefined) return undefined;
  const list = readList(stored, "the record of an idempotency key");
  const state = textAt(list, 0) === "confirmed" ? "confirmed" : "reserved";
  return { state, runId: textAt(listAt(list, 1), 0), replaces: optionalTextAt(list, 2) };
}
