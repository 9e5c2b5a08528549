/**
 * The rows that one step has loaded, as they were when it loaded them last. They change only between two runs of the step,
 * each of which decides everything anew. Invariant: a row is known, or known to be absent, or not known; the three
 * are never confused.
 */

import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { DefinitionRecord } from "../contract/records.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { BranchGroup, ItemPayload } from "../contract/work-item.ts";
import type { Entry, StoredSession } from "../synchronous/row-store.ts";
import type { LoadedItem } from "./changes.ts";
import type { ListKey, LoadedRows } from "./remote-store.ts";
import { RowsMissing } from "./rows-missing.ts";
import { type Want, wantKey } from "./wants.ts";

/** Rows of one kind by key. */
export type Known<T> = ReadonlyMap<string, T | undefined>;

export interface LoadedList {
  readonly keys: readonly ListKey[];
  readonly complete: boolean;
}

export class RowCache implements LoadedRows {
  readonly #definitions = new Map<string, DefinitionRecord | undefined>();
  readonly #hashes = new Map<string, string | undefined>();
  readonly #runs = new Map<string, RunState | undefined>();
  readonly #details = new Map<string, RunDetails | undefined>();
  readonly #runIds = new Map<string, string | undefined>();
  readonly #items = new Map<string, LoadedItem | undefined>();
  readonly #groups = new Map<string, BranchGroup | undefined>();
  readonly #payloads = new Map<string, ItemPayload | undefined>();
  readonly #memos = new Map<string, ReadonlyMap<string, Uint8Array> | undefined>();
  readonly #sessions = new Map<string, StoredSession | undefined>();
  readonly #snapshots = new Map<string, number | undefined>();
  readonly #entries = new Map<string, Entry | undefined>();
  readonly #checkpoints = new Map<string, CheckpointRecord | undefined>();
  readonly #lists = new Map<string, LoadedList & { readonly limit: number }>();
  #missing: Want[] = [];

  get definitions(): Known<DefinitionRecord> {
    return this.#definitions;
  }
  get hashes(): Known<string> {
    return this.#hashes;
  }
  get runs(): Known<RunState> {
    return this.#runs;
  }
  get details(): Known<RunDetails> {
    return this.#details;
  }
  get runIds(): Known<string> {
    return this.#runIds;
  }
  get items(): Known<LoadedItem> {
    return this.#items;
  }
  get groups(): Known<BranchGroup> {
    return this.#groups;
  }
  get payloads(): Known<ItemPayload> {
    return this.#payloads;
  }
  get memosOfItems(): Known<ReadonlyMap<string, Uint8Array>> {
    return this.#memos;
  }
  get sessions(): Known<StoredSession> {
    return this.#sessions;
  }
  get snapshots(): Known<number> {
    return this.#snapshots;
  }
  get entries(): Known<Entry> {
    return this.#entries;
  }
  get checkpoints(): Known<CheckpointRecord> {
    return this.#checkpoints;
  }

  /** The error for rows that a run of the step lacks. They are noted: a run may find out about many before it ends. */
  missing(wants: readonly Want[]): RowsMissing {
    this.#missing.push(...wants);
    return new RowsMissing(wants);
  }

  /** What was missing since this was asked before. */
  takeMissing(): readonly Want[] {
    const missing = this.#missing;
    this.#missing = [];
    return missing;
  }

  /** The answer to the want, or to the same with a wider bound. */
  listOf(want: Want): LoadedList | undefined {
    const list = this.#lists.get(listKey(want));
    return list !== undefined && (list.complete || list.limit >= limitOf(want)) ? list : undefined;
  }

  definition(hash: string, record: DefinitionRecord | undefined): void {
    this.#definitions.set(hash, record);
  }

  definitionHash(name: string, version: string, hash: string | undefined): void {
    this.#hashes.set(pairKey(name, version), hash);
  }

  run(runId: string, state: RunState | undefined): void {
    this.#runs.set(runId, state);
  }

  runDetails(runId: string, details: RunDetails | undefined): void {
    this.#details.set(runId, details);
  }

  runIdByKey(workflow: string, idempotencyKey: string, runId: string | undefined): void {
    this.#runIds.set(pairKey(workflow, idempotencyKey), runId);
  }

  item(runId: string, item: number, row: LoadedItem | undefined): void {
    const key = itemKey(runId, item);
    this.#items.set(key, row);
    if (row === undefined || row.payload !== undefined) this.#payloads.set(key, row?.payload);
    if (row === undefined || !row.hasMemos) this.#memos.set(key, row === undefined ? undefined : NO_MEMOS);
  }

  group(runId: string, group: number, row: BranchGroup | undefined): void {
    this.#groups.set(itemKey(runId, group), row);
  }

  payload(runId: string, item: number, payload: ItemPayload | undefined): void {
    this.#payloads.set(itemKey(runId, item), payload);
  }

  memos(runId: string, item: number, memos: ReadonlyMap<string, Uint8Array>): void {
    this.#memos.set(itemKey(runId, item), memos);
  }

  session(id: string, session: StoredSession | undefined): void {
    this.#sessions.set(id, session);
  }

  snapshot(runId: string, shape: string, sequence: number | undefined): void {
    this.#snapshots.set(pairKey(runId, shape), sequence);
  }

  entry(kind: string, key: string, entry: Entry | undefined): void {
    this.#entries.set(pairKey(kind, key), entry);
  }

  checkpoint(id: string, record: CheckpointRecord | undefined): void {
    this.#checkpoints.set(id, record);
  }

  list(want: Want, keys: readonly ListKey[], complete: boolean): void {
    this.#lists.set(listKey(want), { keys, complete, limit: limitOf(want) });
  }
}

/** Equal for wants that differ in their bound alone. */
function listKey(want: Want): string {
  return wantKey("limit" in want ? { ...want, limit: 0 } : want);
}

function limitOf(want: Want): number {
  return "limit" in want ? want.limit : Number.POSITIVE_INFINITY;
}

const NO_MEMOS: ReadonlyMap<string, Uint8Array> = new Map();

/** One of its own for each: a number has no dot, so the last dot parts the two. */
export function itemKey(runId: string, item: number): string {
  return `${runId}.${item}`;
}

export function pairKey(a: string, b: string): string {
  return JSON.stringify([a, b]);
}
