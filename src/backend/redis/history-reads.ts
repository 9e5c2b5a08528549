/** Reads of what happened: failed attempts of one run or of all, metrics, log lines, the audit trail. Oldest first. */

import type { Buffer } from "node:buffer";
import type { FailureEntry } from "../contract/records.ts";
import type { Page, PageRequest } from "../contract/run.ts";
import type { RemoteReads } from "../remote/remote-store.ts";
import { decodeCursor, encodeCursor, pageLimit } from "../synchronous/paging.ts";
import { readAudit, readFailureEntry, readLog, readMetric } from "./history-rows.ts";
import { fromKeyText, fromNumberText, numberText, type PartitionKeys } from "./keys.ts";
import { type ListPart, mergedPage, type Placed, type Position, upwards } from "./merged-page.ts";
import type { Partition } from "./partition.ts";
import type { PartitionMap } from "./partition-map.ts";
import { listOf, numberOf, optionalBytes, scoredOf } from "./reply.ts";

type HistoryReads = Pick<RemoteReads, "failures" | "metrics" | "logs" | "audit">;

const FAILURES = "failures";
const ALL_FAILURES = "failures of all runs";
const ROWS_AT_ONCE = 200;
const MOST_LOOKED_AT = 20_000;

export function historyReads(map: PartitionMap): HistoryReads {
  return {
    failures: ({ runId, item }, page) =>
      runId === undefined ? allFailures(map, item, page) : ofRun(runId, item, page),
    metrics: (runId, page) =>
      listed(
        map,
        runId,
        { list: "metrics", key: (keys) => keys.metrics(runId), row: (row) => readMetric(runId, row) },
        page,
      ),
    logs: ({ runId, item }, page) =>
      listed(
        map,
        runId,
        {
          list: "logs",
          key: (keys) => keys.logs(runId),
          row: (row) => readLog(runId, row),
          where: (line) => item === undefined || line.item === item,
        },
        page,
      ),
    audit: (runId, page) =>
      listed(
        map,
        runId,
        { list: "audit", key: (keys) => keys.audit(runId), row: (row) => readAudit(runId, row) },
        page,
      ),
  };

  function ofRun(runId: string, item: number | undefined, page: PageRequest): Promise<Page<FailureEntry>> {
    return listed(
      map,
      runId,
      {
        list: FAILURES,
        key: (keys) => keys.failuresOf(runId),
        row: (row) => readFailureEntry(runId, row).entry,
        where: (entry) => item === undefined || entry.item === item,
      },
      page,
    );
  }
}

interface Listing<T> {
  readonly list: string;
  readonly key: (keys: PartitionKeys) => string;
  readonly row: (stored: Buffer) => T;
  readonly where?: (row: T) => boolean;
}

/** A list that only grows: its rows are numbered from 1 on. */
async function listed<T>(
  map: PartitionMap,
  runId: string,
  { list, key, row, where = () => true }: Listing<T>,
  page: PageRequest,
): Promise<Page<T>> {
  const limit = pageLimit(page);
  const [after] = decodeCursor(list, page.cursor, ["number"]) ?? [0];
  const { reads, keys } = map.of(runId);
  const rows: { readonly at: number; readonly row: T }[] = [];
  for (let from = after + 1; rows.length <= limit; from += ROWS_AT_ONCE) {
    const names = Array.from({ length: ROWS_AT_ONCE }, (_, at) => numberText(from + at));
    const [stored, length] = await reads.all([
      ["HMGET", key(keys), ...names],
      ["HLEN", key(keys)],
    ]);
    for (const [at, reply] of listOf(stored).entries()) {
      const bytes = optionalBytes(reply);
      const found = bytes === undefined ? undefined : row(bytes);
      if (found !== undefined && where(found)) rows.push({ at: from + at, row: found });
    }
    if (from + ROWS_AT_ONCE > numberOf(length)) break;
  }
  const given = rows.slice(0, limit);
  const entries = given.map((entry) => entry.row);
  const last = rows.length > limit ? given.at(-1)?.at : undefined;
  return last === undefined ? { entries } : { entries, cursor: encodeCursor(list, [last]) };
}

/** By when they were, then in the order in which each partition took them down. */
async function allFailures(
  map: PartitionMap,
  item: number | undefined,
  page: PageRequest,
): Promise<Page<FailureEntry>> {
  const limit = pageLimit(page);
  const after = decodeCursor(ALL_FAILURES, page.cursor, ["number", "number", "number"]);
  const parts = await Promise.all(
    map.all.map((partition, number) => failuresIn(partition, number, item, after, limit + 1)),
  );
  return mergedPage(ALL_FAILURES, parts, limit, upwards);
}

async function failuresIn(
  { reads, keys }: Partition,
  partition: number,
  item: number | undefined,
  after: readonly [number, number, number] | undefined,
  wanted: number,
): Promise<ListPart<FailureEntry>> {
  const found: Placed<FailureEntry>[] = [];
  let place = after && startAfter(after, partition);
  for (let lookedAt = 0; lookedAt < MOST_LOOKED_AT; lookedAt += ROWS_AT_ONCE) {
    const from = place === undefined ? [] : [String(place.at), place.member];
    const listedRows = scoredOf(await reads.one("@after", keys.failures, "up", String(ROWS_AT_ONCE), ...from));
    if (listedRows.length === 0) return { entries: found, end: undefined };
    const members = listedRows.map(({ member }) => member.split(" "));
    const rows = await reads.all(
      members.map(([, run = "", number = ""]) => ["HGET", keys.failuresOf(fromKeyText(run)), number]),
    );
    for (const [at, { member, score }] of listedRows.entries()) {
      const [number = "", run = ""] = members[at] ?? [];
      place = { at: score, member };
      const stored = optionalBytes(rows[at]);
      const failure = stored === undefined ? undefined : readFailureEntry(fromKeyText(run), stored);
      // One that is left of a run that was removed, whose id may have been given again, stands for nothing.
      if (failure?.place !== number || (item !== undefined && failure.entry.item !== item)) continue;
      const position: Position = [score, fromNumberText(number), partition];
      found.push({ position, entry: failure.entry });
      if (found.length === wanted) return { entries: found, end: position };
    }
    if (listedRows.length < ROWS_AT_ONCE) return { entries: found, end: undefined };
  }
  const end = place && [place.at, fromNumberText(place.member.split(" ")[0] ?? ""), partition];
  return { entries: found, end };
}

/** What comes after a position in the order of all partitions is, in this one, what comes after this place. */
function startAfter([at, number, of]: readonly [number, number, number], partition: number) {
  return { at, member: partition <= of ? `${numberText(number)} \uffff` : numberText(number) };
}
