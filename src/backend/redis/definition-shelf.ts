/**
 * Definitions, by hash. They never change once they are there, so one that was read is not read again. They lie in the
 * namespace's first partition, whichever partition a run is in.
 */

import type { DefinitionRecord } from "../contract/records.ts";
import { readDefinition } from "./history-rows.ts";
import { nameField, type PartitionKeys } from "./keys.ts";
import { listOf, optionalBytes, optionalText } from "./reply.ts";
import type { ScriptReads } from "./script-reads.ts";

const MOST_KEPT = 1_024;

export class DefinitionShelf {
  readonly #reads: ScriptReads;
  readonly #keys: PartitionKeys;
  readonly #kept = new Map<string, DefinitionRecord>();

  constructor(reads: ScriptReads, keys: PartitionKeys) {
    this.#reads = reads;
    this.#keys = keys;
  }

  async read(hash: string): Promise<DefinitionRecord | undefined> {
    const known = this.#kept.get(hash);
    if (known !== undefined) return known;
    const stored = optionalBytes(await this.#reads.one("HGET", this.#keys.definitions, hash));
    if (stored === undefined) return undefined;
    const record = readDefinition(stored);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(hash, record);
    return record;
  }

  /** What a name and version stand for now. */
  async hashOf(name: string, version: string): Promise<string | undefined> {
    return optionalText(await this.#reads.one("HGET", this.#keys.names, nameField(name, version)));
  }

  async all(): Promise<readonly DefinitionRecord[]> {
    const stored = listOf(await this.#reads.one("HVALS", this.#keys.definitions));
    return stored.flatMap((reply) => {
      const bytes = optionalBytes(reply);
      return bytes === undefined ? [] : readDefinition(bytes);
    });
  }
}
