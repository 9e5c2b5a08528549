/** Reads of runs, items and what belongs to them: each from the partition that its run is in, by name or number. */

import type { Buffer } from "node:buffer";
import type { Page, PageRequest } from "../contract/run.ts";
import type { Arrival } from "../contract/work-item.ts";
import type { RemoteReads } from "../remote/remote-store.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import { readArrival, readDelta, readGroup, readOutput, readProgress } from "./history-rows.ts";
import { listItems } from "./item-list.ts";
import { ownBytes, readItem, readPayload } from "./item-row.ts";
import {
  arrivalsPrefix,
  branchPosition,
  fromKeyText,
  fromNumberText,
  numberText,
  OUTPUTS_PREFIX,
  RUN_FIELDS,
} from "./keys.ts";
import type { PartitionMap } from "./partition-map.ts";
import { listOf, optionalBytes, type Reply, textOf } from "./reply.ts";
import { listRuns } from "./run-list.ts";
import { DETAIL_FIELDS, readRecord, readState } from "./run-row.ts";

type RunReads = Pick<
  RemoteReads,
  | "runState"
  | "runStates"
  | "runRecord"
  | "runs"
  | "item"
  | "payload"
  | "items"
  | "group"
  | "arrivals"
  | "outputs"
  | "deltasAfter"
  | "snapshot"
  | "memos"
  | "progress"
>;

const ARRIVALS = "arrivals";
const OUTPUTS = "outputs";
/** Rows with bytes that are read at once. */
const VALUES_AT_ONCE = 64;

export function runReads(map: PartitionMap): RunReads {
  const fields = async (runId: string, names: readonly string[]): Promise<readonly Reply[]> => {
    const { reads, keys } = map.of(runId);
    return listOf(await reads.one("HMGET", keys.run(runId), ...names));
  };
  const runState: RunReads["runState"] = async (runId) => {
    const stored = optionalBytes((await fields(runId, [RUN_FIELDS.state]))[0]);
    return stored && readState(runId, stored);
  };
  return {
    runState,
    runStates: async (runIds) => (await Promise.all(runIds.map(runState))).filter((state) => state !== undefined),
    runRecord: async (runId) => readRecord(runId, await fields(runId, [RUN_FIELDS.state, ...DETAIL_FIELDS])),
    runs: (filter, page) => listRuns(map, filter, page),
    async item(runId, item) {
      const stored = optionalBytes((await fields(runId, [RUN_FIELDS.item(item)]))[0]);
      return stored && readItem(runId, item, stored).item;
    },
    async payload(runId, item) {
      const names = [RUN_FIELDS.item(item), RUN_FIELDS.payload(item), RUN_FIELDS.largePayload(item)];
      const [row, small, large] = await fields(runId, names);
      return optionalBytes(row) && readPayload(optionalBytes(small) ?? optionalBytes(large));
    },
    items: (filter, page) => listItems(map, filter, page),
    async group(runId, group) {
      const stored = optionalBytes((await fields(runId, [RUN_FIELDS.group(group)]))[0]);
      return stored && readGroup(runId, group, stored);
    },
    arrivals: (runId, group, join, page) => listArrivals(map, { runId, group, join }, page),
    async outputs(runId, page) {
      const list = await listBranches(map, runId, { list: OUTPUTS, prefix: OUTPUTS_PREFIX }, page);
      return { ...list, entries: list.entries.map(readOutput) };
    },
    deltasAfter: (...range) => deltasAfter(fields, ...range),
    async snapshot(runId, shape, upTo) {
      const names = [RUN_FIELDS.snapshotSequence(shape), RUN_FIELDS.snapshot(shape)];
      const [stored, bytes] = (await fields(runId, names)).map(optionalBytes);
      if (stored === undefined || bytes === undefined) return undefined;
      const sequence = fromNumberText(stored.toString("latin1"));
      return sequence > upTo ? undefined : { sequence, bytes: ownBytes(bytes) };
    },
    memos: (runId, item) => memosOf(map, runId, item),
    async progress(runId, items) {
      if (items.length === 0) return [];
      const rows = await fields(runId, items.map(RUN_FIELDS.progress));
      return items.flatMap((item, at) => {
        const stored = optionalBytes(rows[at]);
        return stored === undefined ? [] : readProgress(item, stored);
      });
    },
  };
}

async function deltasAfter(
  fields: (runId: string, names: readonly string[]) => Promise<readonly Reply[]>,
  runId: string,
  after: number,
  upTo: number,
  maxBytes: number,
): ReturnType<RunReads["deltasAfter"]> {
  const deltas: ReturnType<typeof readDelta>[] = [];
  let bytes = 0;
  for (let from = Math.max(0, after) + 1; from <= upTo; from += VALUES_AT_ONCE) {
    const count = Math.min(VALUES_AT_ONCE, upTo - from + 1);
    const names = Array.from({ length: count }, (_, at) => RUN_FIELDS.delta(from + at));
    for (const [at, reply] of (await fields(runId, names)).entries()) {
      const stored = optionalBytes(reply);
      if (stored === undefined) return deltas;
      const delta = readDelta(from + at, stored);
      bytes += delta.delta.byteLength;
      if (deltas.length > 0 && bytes > maxBytes) return deltas;
      deltas.push(delta);
    }
  }
  return deltas;
}

async function listArrivals(
  map: PartitionMap,
  place: Pick<Arrival, "runId" | "group" | "join">,
  page: PageRequest,
): Promise<Page<Arrival>> {
  const prefix = arrivalsPrefix(place.group, place.join);
  const list = await listBranches(map, place.runId, { list: ARRIVALS, prefix }, page);
  return { ...list, entries: list.entries.map((stored) => readArrival(place, stored)) };
}

/** Values in branch order. */
async function listBranches(
  map: PartitionMap,
  runId: string,
  { list, prefix }: { readonly list: string; readonly prefix: string },
  page: PageRequest,
): Promise<Page<Buffer>> {
  const limit = pageLimit(page);
  const [path, commit, index] = decodeCursor(list, page.cursor, ["string", "number", "number"]) ?? [];
  const isFirst = path === undefined || commit === undefined || index === undefined;
  const from = isFirst ? `[${prefix}` : `(${prefix}${branchPosition(path, commit, index)}`;
  // What comes right after all that begin with the prefix, whose last character is a space.
  const end = `(${prefix.slice(0, -1)}!`;
  const { reads, keys } = map.of(runId);
  const found = await reads.one("ZRANGEBYLEX", keys.branches(runId), from, end, "LIMIT", "0", String(limit + 1));
  const members = listOf(found).map(textOf);
  const given = members.slice(0, limit);
  const entries: Buffer[] = [];
  for (let at = 0; at < given.length; at += VALUES_AT_ONCE) {
    const names = given.slice(at, at + VALUES_AT_ONCE).map(RUN_FIELDS.branch);
    const values = listOf(await reads.one("HMGET", keys.run(runId), ...names));
    entries.push(...values.flatMap((value) => optionalBytes(value) ?? []));
  }
  const last = members.length > limit ? given.at(-1) : undefined;
  return last === undefined ? { entries } : { entries, cursor: encodeCursor(list, positionOf(last, prefix)) };
}

function positionOf(member: string, prefix: string): readonly (string | number)[] {
  const [path = "", commit = "", index = ""] = member.slice(prefix.length).split(" ");
  return [path, fromNumberText(commit), fromNumberText(index)];
}

async function memosOf(map: PartitionMap, runId: string, item: number): Promise<ReadonlyMap<string, Uint8Array>> {
  const { reads, keys } = map.of(runId);
  const prefix = numberText(item);
  const names = listOf(await reads.one("ZRANGEBYLEX", keys.memos(runId), `[${prefix} `, `(${prefix}!`)).map(textOf);
  const memos = new Map<string, Uint8Array>();
  for (let at = 0; at < names.length; at += VALUES_AT_ONCE) {
    const part = names.slice(at, at + VALUES_AT_ONCE);
    const values = listOf(await reads.one("HMGET", keys.run(runId), ...part.map(RUN_FIELDS.memo)));
    for (const [index, name] of part.entries()) {
      const value = optionalBytes(values[index]);
      if (value !== undefined) memos.set(fromKeyText(name.slice(prefix.length + 1)), ownBytes(value));
    }
  }
  return memos;
}
