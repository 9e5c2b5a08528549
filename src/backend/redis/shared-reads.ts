/** Reads of what belongs to no run alone: definitions, keys, sessions, what is ready, entries, checkpoints. */

import type { Buffer } from "node:buffer";
import { MillraceError } from "../../core/errors.ts";
import type { CheckpointRecord } from "../contract/checkpoints.ts";
import type { DefinitionRecord, LaneBacklog } from "../contract/records.ts";
import type { RemoteReads } from "../remote/remote-store.ts";
import { decodeCursor, pageLimit } from "../synchronous/paging.ts";
import type { Entry, StoredSession } from "../synchronous/row-store.ts";
import { joined } from "./checkpoint-bodies.ts";
import type { DefinitionShelf } from "./definition-shelf.ts";
import { readEntry } from "./entry-row.ts";
import { readCheckpoint } from "./history-rows.ts";
import { readItem } from "./item-row.ts";
import { afterEntryKey, entryMember, fromItemMember, fromKeyText, keyText, numberText, RUN_FIELDS } from "./keys.ts";
import { type ListPart, mergedPage, type Placed, type Position, upwards } from "./merged-page.ts";
import type { KeyHolder, Partition } from "./partition.ts";
import type { PartitionMap } from "./partition-map.ts";
import { listOf, numberOf, optionalBytes, scoredOf, textOf } from "./reply.ts";
import { readCrew, readSession, sessionOf } from "./session-row.ts";
import { scoreText } from "./write-list.ts";

type SharedReads = Pick<
  RemoteReads,
  | "definition"
  | "definitions"
  | "runIdByKey"
  | "session"
  | "sessions"
  | "backlog"
  | "entry"
  | "entries"
  | "checkpoint"
  | "checkpointBody"
  | "checkpoints"
>;

const CHECKPOINTS = "checkpoints";
const ROWS_AT_ONCE = 200;
/** Ready items of a lane that are looked at for how long they have waited. Of one priority, the first has waited longest. */
const MOST_READY = 10_000;
const PARTS_AT_ONCE = 8;

/** `holderOf`: the run that an idempotency key stands for. */
export function sharedReads(map: PartitionMap, shelf: DefinitionShelf, holderOf: KeyHolder): SharedReads {
  return {
    definition: (hash) => shelf.read(hash),
    definitions: async () => [...(await shelf.all())].sort(compareDefinitions),
    runIdByKey: holderOf,
    session: (id) => sessionIn(map.of(id), id),
    sessions: async () =>
      (await Promise.all(map.all.map((partition) => sessionsIn(partition, map)))).flat().sort(newest),
    backlog: async () => together((await Promise.all(map.all.map(backlogOf))).flat()),
    async entry(kind, key) {
      const member = entryMember(kind, key);
      const found = await Promise.all(map.all.map(({ reads, keys }) => reads.one("HGET", keys.entries, member)));
      const stored = found.map(optionalBytes).find((row) => row !== undefined);
      return stored && readEntry(member, stored);
    },
    entries: (list, range) => listEntries(map, list, range),
    async checkpoint(id) {
      const row = await checkpointIn(map.of(id), id);
      return row?.record;
    },
    async checkpointBody(id) {
      const partition = map.of(id);
      let missing: string | undefined;
      for (;;) {
        const row = await checkpointIn(partition, id);
        const body = row && (await bodyOf(partition, id, row));
        if (row === undefined || body !== undefined) return body;
        // Another version may have taken its place meanwhile, but not the same one.
        if (row.body === missing) throw new MillraceError("BACKEND_CORRUPT", `the body of checkpoint "${id}" is gone`);
        missing = row.body;
      }
    },
    checkpoints: ({ status }, page) => listCheckpoints(map, status, page),
  };
}

function compareDefinitions(a: DefinitionRecord, b: DefinitionRecord): number {
  return upwards([a.name, a.publishedAt, a.hash], [b.name, b.publishedAt, b.hash]);
}

function newest(a: StoredSession, b: StoredSession): number {
  return upwards([b.startedAt, b.id], [a.startedAt, a.id]);
}

async function sessionIn({ reads, keys }: Partition, id: string): Promise<StoredSession | undefined> {
  const field = keyText(id);
  const replies = await reads.all([
    ["HGET", keys.sessions, field],
    ["HGET", keys.crews, field],
  ]);
  const [row, crew] = replies.map(optionalBytes);
  return row && crew && sessionOf(readSession(row), readCrew(crew));
}

/** Of sessions, which are in all partitions, those that this one stands for. */
async function sessionsIn(partition: Partition, map: PartitionMap): Promise<readonly StoredSession[]> {
  const { reads, keys } = partition;
  const [rows, crews] = await reads.all([
    ["HGETALL", keys.sessions],
    ["HGETALL", keys.crews],
  ]);
  const crewsById = new Map(pairsOf(listOf(crews)));
  return pairsOf(listOf(rows)).flatMap(([id, row]) => {
    const crew = crewsById.get(id);
    return crew === undefined || map.of(id) !== partition ? [] : sessionOf(readSession(row), readCrew(crew));
  });
}

function pairsOf(list: ReturnType<typeof listOf>): readonly (readonly [string, Buffer])[] {
  const pairs: (readonly [string, Buffer])[] = [];
  for (let at = 0; at + 1 < list.length; at += 2) {
    const value = optionalBytes(list[at + 1]);
    if (value !== undefined) pairs.push([fromKeyText(textOf(list[at])), value]);
  }
  return pairs;
}

async function backlogOf(partition: Partition): Promise<readonly LaneBacklog[]> {
  await partition.learnLanes();
  const { reads, keys, lanes } = partition;
  const backlogs: LaneBacklog[] = [];
  for (const { name, queue, definition, labels } of lanes.all()) {
    const [ready, stalled, ...members] = await reads.all([
      ["ZCARD", keys.lane(name, false)],
      ["ZCARD", keys.lane(name, true)],
      ["ZRANGE", keys.lane(name, false), "0", String(MOST_READY)],
      ["ZRANGE", keys.lane(name, true), "0", String(MOST_READY)],
    ]);
    const count = numberOf(ready) + numberOf(stalled);
    if (count === 0) continue;
    const oldestReadyAt = await oldestOf(partition, members.flatMap(listOf).map(textOf));
    backlogs.push({ queue, definition, labels, ready: count, oldestReadyAt });
  }
  return backlogs;
}

async function oldestOf({ reads, keys }: Partition, members: readonly string[]): Promise<number | undefined> {
  let oldest: number | undefined;
  for (let from = 0; from < members.length; from += ROWS_AT_ONCE) {
    const items = members.slice(from, from + ROWS_AT_ONCE).map(fromItemMember);
    const rows = await reads.all(items.map(({ runId, item }) => ["HGET", keys.run(runId), RUN_FIELDS.item(item)]));
    for (const [at, reply] of rows.entries()) {
      const stored = optionalBytes(reply);
      const { runId, item } = items[at] ?? { runId: "", item: 0 };
      if (stored === undefined) continue;
      const { readyAt } = readItem(runId, item, stored).item;
      oldest = Math.min(oldest ?? readyAt, readyAt);
    }
  }
  return oldest;
}

/** Lanes of all partitions, each once. */
function together(backlogs: readonly LaneBacklog[]): readonly LaneBacklog[] {
  const lanes = new Map<string, LaneBacklog>();
  for (const backlog of backlogs) {
    const key = JSON.stringify([backlog.queue, backlog.definition, backlog.labels]);
    const known = lanes.get(key);
    const times = [known?.oldestReadyAt, backlog.oldestReadyAt].filter((at) => at !== undefined);
    lanes.set(key, {
      ...backlog,
      ready: backlog.ready + (known?.ready ?? 0),
      oldestReadyAt: times.length === 0 ? undefined : Math.min(...times),
    });
  }
  return [...lanes.values()];
}

async function listEntries(
  map: PartitionMap,
  list: string,
  { after, upTo, limit }: Parameters<SharedReads["entries"]>[1],
): Promise<readonly Entry[]> {
  const parts = await Promise.all(
    map.all.map(async ({ reads, keys }) => {
      const place = after === undefined ? [] : [scoreText(after.at), afterEntryKey(after.key)];
      const reply = await reads.one("@after", keys.entryList(list), "up", String(limit), ...place);
      const listed = scoredOf(reply).filter(({ score }) => upTo === undefined || score <= upTo);
      if (listed.length === 0) return [];
      const rows = listOf(await reads.one("HMGET", keys.entries, ...listed.map(({ member }) => member)));
      return listed.flatMap(({ member, score }, at) => {
        const stored = optionalBytes(rows[at]);
        return stored === undefined ? [] : { at: score, entry: readEntry(member, stored) };
      });
    }),
  );
  return parts
    .flat()
    .sort((a, b) => upwards([a.at, a.entry.key], [b.at, b.entry.key]))
    .slice(0, limit)
    .map(({ entry }) => entry);
}

async function checkpointIn({ reads, keys }: Partition, id: string) {
  const stored = optionalBytes(await reads.one("HGET", keys.checkpoints, keyText(id)));
  if (stored === undefined) return undefined;
  const { body, parts, ...record } = readCheckpoint(stored);
  return { record, body, parts };
}

async function bodyOf(
  { reads, keys }: Partition,
  id: string,
  { body, parts }: { readonly body: string; readonly parts: number },
): Promise<Uint8Array | undefined> {
  const key = keys.checkpointBody(id, body);
  const found: Buffer[] = [];
  for (let from = 1; from <= parts; from += PARTS_AT_ONCE) {
    const count = Math.min(PARTS_AT_ONCE, parts - from + 1);
    const names = Array.from({ length: count }, (_, at) => numberText(from + at));
    for (const reply of listOf(await reads.one("HMGET", key, ...names))) {
      const part = optionalBytes(reply);
      if (part === undefined) return undefined;
      found.push(part);
    }
  }
  return joined(found);
}

async function listCheckpoints(
  map: PartitionMap,
  status: readonly CheckpointRecord["status"][] | undefined,
  page: Parameters<SharedReads["checkpoints"]>[1],
) {
  const limit = pageLimit(page);
  const [after] = decodeCursor(CHECKPOINTS, page.cursor, ["string"]) ?? [];
  const parts = await Promise.all(map.all.map((partition) => checkpointsIn(partition, status, after, limit + 1)));
  return mergedPage(CHECKPOINTS, parts, limit, upwards);
}

async function checkpointsIn(
  { reads, keys }: Partition,
  status: readonly CheckpointRecord["status"][] | undefined,
  after: string | undefined,
  wanted: number,
): Promise<ListPart<CheckpointRecord>> {
  const found: Placed<CheckpointRecord>[] = [];
  for (let from = after === undefined ? "-" : `(${keyText(after)}`; ; ) {
    const reply = await reads.one("ZRANGEBYLEX", keys.checkpointIds, from, "+", "LIMIT", "0", String(ROWS_AT_ONCE));
    const members = listOf(reply).map(textOf);
    const rows = members.length === 0 ? [] : listOf(await reads.one("HMGET", keys.checkpoints, ...members));
    for (const stored of rows.map(optionalBytes)) {
      if (stored === undefined) continue;
      const { body: _where, parts: _many, ...record } = readCheckpoint(stored);
      const position: Position = [record.id];
      if (status === undefined || status.includes(record.status)) found.push({ position, entry: record });
      if (found.length === wanted) return { entries: found, end: position };
    }
    if (members.length < ROWS_AT_ONCE) return { entries: found, end: undefined };
    from = `(${members.at(-1) ?? ""}`;
  }
}
