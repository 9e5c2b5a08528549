/**
 * Taking a run out of everything. Its rows go at once, under a few keys; what stands for it in indexes is listed beforehand
 * from its rows. Whatever should be left in an index by a change in between stands for nothing, and is taken out by
 * whoever comes upon it.
 */

import type { RunDetails, RunState } from "../contract/run.ts";
import type { Changes } from "../remote/changes.ts";
import type { Entry } from "../synchronous/row-store.ts";
import { readEntry } from "./entry-row.ts";
import { type ItemRow, readItem } from "./item-row.ts";
import { displaceItem } from "./item-writes.ts";
import { entryMember, keyText, type PartitionKeys, RUN_FIELDS } from "./keys.ts";
import { listOf, optionalBytes, optionalText, textOf } from "./reply.ts";
import { DETAIL_FIELDS, readDetails } from "./run-row.ts";
import { indexesOf } from "./run-writes.ts";
import type { ScriptReads } from "./script-reads.ts";
import { displaceEntry } from "./shared-writes.ts";
import type { Writing } from "./writing.ts";

export interface Removal {
  readonly state: RunState;
  readonly details: RunDetails | undefined;
  /** Who has its idempotency key, if it has one. */
  readonly keyHolder: string | undefined;
  readonly items: readonly ItemRow[];
  readonly entries: readonly Entry[];
}

const ITEMS_AT_ONCE = 500;
/** What is left in indexes beyond this is taken out later. */
const MOST_ITEMS = 10_000;

export async function readRemovals(
  { removedRuns }: Changes,
  reads: ScriptReads,
  keys: PartitionKeys,
): Promise<readonly Removal[]> {
  if (removedRuns.length === 0) return [];
  const removals: Removal[] = [];
  for (const state of removedRuns) removals.push(await readRemoval(state, reads, keys));
  return removals;
}

async function readRemoval(state: RunState, reads: ScriptReads, keys: PartitionKeys): Promise<Removal> {
  const key = keys.run(state.id);
  const [found, members] = await reads.all([
    ["HMGET", key, ...DETAIL_FIELDS],
    ["ZRANGE", keys.entriesOf(state.id), "0", "-1"],
  ]);
  const fields = listOf(found);
  const details = optionalBytes(fields[0]) === undefined ? undefined : readDetails(fields);
  return {
    state,
    details,
    keyHolder: await holderOfKey(details, reads, keys),
    items: state.open === 0 ? [] : await placedItems(state, reads, key),
    entries: await entriesOf(listOf(members).map(textOf), reads, keys),
  };
}

async function holderOfKey(details: RunDetails | undefined, reads: ScriptReads, keys: PartitionKeys) {
  if (details?.idempotencyKey === undefined) return undefined;
  const [holder] = await reads.all([["GET", keys.byKey(details.workflow, details.idempotencyKey)]]);
  return optionalText(holder);
}

/** Items that lie in an index. Those of a run that has nothing open lie in none. */
async function placedItems(state: RunState, reads: ScriptReads, key: string): Promise<readonly ItemRow[]> {
  const placed: ItemRow[] = [];
  const most = Math.min(state.items, MOST_ITEMS);
  for (let from = 0; from < most; from += ITEMS_AT_ONCE) {
    const numbers = Array.from({ length: Math.min(ITEMS_AT_ONCE, most - from) }, (_, at) => from + at);
    const [rows] = await reads.all([["HMGET", key, ...numbers.map(RUN_FIELDS.item)]]);
    for (const [at, reply] of listOf(rows).entries()) {
      const stored = optionalBytes(reply);
      const row = stored && readItem(state.id, from + at, stored);
      if (row !== undefined && (row.placement.kind !== "none" || row.item.status === "in_progress")) placed.push(row);
    }
  }
  return placed;
}

async function entriesOf(
  members: readonly string[],
  reads: ScriptReads,
  keys: PartitionKeys,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (let from = 0; from < members.length; from += ITEMS_AT_ONCE) {
    const part = members.slice(from, from + ITEMS_AT_ONCE);
    const [rows] = await reads.all([["HMGET", keys.entries, ...part]]);
    for (const [at, reply] of listOf(rows).entries()) {
      const stored = optionalBytes(reply);
      if (stored !== undefined) entries.push(readEntry(part[at] ?? "", stored));
    }
  }
  return entries;
}

export function writeRemovals(removals: readonly Removal[], writing: Writing): void {
  for (const removal of removals) removeRun(removal, writing);
}

function removeRun({ state, details, keyHolder, items, entries }: Removal, writing: Writing): void {
  const { list, keys, rows } = writing;
  const { id } = state;
  const member = keyText(id);
  list.expectVersion(keys.run(id), RUN_FIELDS.state, rows.runs.get(id)?.version);
  list.expectCount(keys.entriesOf(id), entries.length);
  list.forgetFailures(keys.failuresOf(id), member);
  for (const key of keysOf(id, keys)) list.unlink(key);
  for (const index of [keys.ids, keys.timeouts, keys.finished]) list.displace(index, member);
  for (const row of items) displaceItem(row, writing);
  for (const entry of entries) {
    displaceEntry(entry, writing);
    list.field(keys.entries, entryMember(entry.kind, entry.key), undefined);
  }
  if (details === undefined) return;
  for (const index of indexesOf(state, details, keys)) list.displace(index, member);
  const { workflow, idempotencyKey } = details;
  if (idempotencyKey === undefined) return;
  const held = keys.byKey(workflow, idempotencyKey);
  if (writing.keysElsewhere) list.member(keys.freedKeys, JSON.stringify([workflow, idempotencyKey, id]));
  else if (keyHolder === id) {
    list.expectValue(held, id);
    list.value(held, undefined);
  }
}

function keysOf(id: string, keys: PartitionKeys): readonly string[] {
  return [
    keys.run(id),
    keys.branches(id),
    keys.memos(id),
    keys.aside(id),
    keys.failuresOf(id),
    keys.metrics(id),
    keys.logs(id),
    keys.audit(id),
    keys.entriesOf(id),
  ];
}
