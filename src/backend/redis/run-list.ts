/**
 * Lists of runs, newest first. The index that leaves least to be looked at is walked, and what else a filter asks for is
 * looked at in the rows; a page looks at a bounded number of them, and may then have fewer than it could.
 */

import { Buffer } from "node:buffer";
import type { Page, PageRequest, RunDetails, RunFilter, RunRecord, RunState } from "../contract/run.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { decodeCursor, pageLimit } from "../synchronous/paging.ts";
import { fromKeyText, keyText, type PartitionKeys, RUN_FIELDS } from "./keys.ts";
import { downwards, type ListPart, mergedPage, type Placed, type Position } from "./merged-page.ts";
import type { Partition } from "./partition.ts";
import type { PartitionMap } from "./partition-map.ts";
import { listOf, numberOf, optionalBytes, type Reply, scoredOf } from "./reply.ts";
import { DETAIL_FIELDS, readDetails, readRecord, readState } from "./run-row.ts";

const RUNS = "runs";
/** Rows that one page looks at in a partition. */
const MOST_LOOKED_AT = 20_000;
const WINDOW = 256;
/** Rows with all that they carry that are read at once. */
const RECORDS_AT_ONCE = 64;
/** Comes after every member of an index. */
const LAST = "\uffff";

interface Found {
  readonly id: string;
  readonly at: number;
}

export async function listRuns(map: PartitionMap, filter: RunFilter, page: PageRequest): Promise<Page<RunRecord>> {
  const limit = pageLimit(page);
  const [at, id] = decodeCursor(RUNS, page.cursor, ["number", "string"]) ?? [];
  const after = at === undefined || id === undefined ? undefined : { at, id };
  if (filter.status?.length === 0) return { entries: [] };
  const parts = await Promise.all(map.all.map((partition) => partOf(partition, filter, after, limit + 1)));
  return mergedPage(RUNS, parts, limit, downwards);
}

async function partOf(
  partition: Partition,
  filter: RunFilter,
  after: Found | undefined,
  wanted: number,
): Promise<ListPart<RunRecord>> {
  const walk = new RunWalk(partition, await narrowestIndexes(partition, filter), startOf(filter, after));
  const ids: Placed<string>[] = [];
  let lookedAt = 0;
  let end: Position | undefined;
  while (ids.length < wanted) {
    if (lookedAt >= MOST_LOOKED_AT) {
      end = walk.position;
      break;
    }
    const found = await walk.next(Math.min(WINDOW, Math.max(16, wanted)));
    if (found.length === 0) break;
    lookedAt += found.length;
    const recent = found.filter((run) => filter.since === undefined || run.at >= filter.since);
    const fitting = await fittingOf(partition, recent, filter);
    ids.push(...fitting.map((run) => ({ position: [run.at, run.id], entry: run.id })));
    if (recent.length < found.length) break;
  }
  const given = ids.slice(0, wanted);
  if (given.length === wanted) end = given.at(-1)?.position;
  return { entries: await recordsOf(partition, given), end };
}

function startOf({ until }: RunFilter, after: Found | undefined): Found | undefined {
  if (until === undefined) return after;
  return after === undefined || until < after.at ? { at: until, id: LAST } : after;
}

/** The indexes that hold every run of the filter and least else; more than one are walked together. */
async function narrowestIndexes({ keys, reads }: Partition, filter: RunFilter): Promise<readonly string[]> {
  const choices: (readonly string[])[] = [[keys.runs], ...indexesFor(filter, keys)];
  if (choices.length === 1) return [keys.runs];
  const counts = await reads.all(choices.flat().map((key) => ["ZCARD", key]));
  let at = 0;
  const sized = choices.map((indexes) => {
    const size = counts.slice(at, at + indexes.length).reduce((sum: number, count) => sum + numberOf(count), 0);
    at += indexes.length;
    return { indexes, size };
  });
  return sized.reduce((least, choice) => (choice.size <= least.size ? choice : least)).indexes;
}

function indexesFor({ status, workflow, tags }: RunFilter, keys: PartitionKeys): readonly (readonly string[])[] {
  return [
    ...(workflow === undefined ? [] : [[keys.byWorkflow(workflow)]]),
    ...(status === undefined ? [] : [[...new Set(status)].map((one) => keys.byStatus(RUN_STATUS.encode(one)))]),
    ...Object.entries(tags ?? {}).map(([name, value]) => [keys.byTag(name, value)]),
  ];
}

/** Walks down several indexes at once, in the order of all of them together. */
class RunWalk {
  readonly #partition: Partition;
  readonly #indexes: readonly string[];
  #last: Found | undefined;

  constructor(partition: Partition, indexes: readonly string[], start: Found | undefined) {
    this.#partition = partition;
    this.#indexes = indexes;
    this.#last = start;
  }

  get position(): Position | undefined {
    return this.#last && [this.#last.at, this.#last.id];
  }

  async next(count: number): Promise<readonly Found[]> {
    const place = this.#last === undefined ? [] : [String(this.#last.at), keyText(this.#last.id)];
    const replies = await this.#partition.reads.all(
      this.#indexes.map((key) => ["@after", key, "down", String(count), ...place]),
    );
    const found = replies
      .flatMap((reply) => scoredOf(reply).map(({ member, score }) => ({ id: fromKeyText(member), at: score })))
      .sort((a, b) => b.at - a.at || (a.id < b.id ? 1 : -1))
      .slice(0, count);
    this.#last = found.at(-1) ?? this.#last;
    return found;
  }
}

async function fittingOf(
  { reads, keys }: Partition,
  found: readonly Found[],
  filter: RunFilter,
): Promise<readonly Found[]> {
  const { status, workflow, version, tags, search } = filter;
  const needsRows = [status, workflow, version, tags, search].some((condition) => condition !== undefined);
  if (!needsRows || found.length === 0) return found;
  const rows = await reads.all(found.map(({ id }) => ["HMGET", keys.run(id), RUN_FIELDS.state, RUN_FIELDS.details]));
  return found.filter(({ id }, at) => {
    const [state, details] = listOf(rows[at]);
    const stored = optionalBytes(state);
    if (stored === undefined) return false;
    return matches(readState(id, stored), readDetails([details, EMPTY]), filter);
  });
}

const EMPTY: Reply = Buffer.alloc(0);

function matches(state: RunState, details: RunDetails, filter: RunFilter): boolean {
  const { status, workflow, version, tags, search } = filter;
  return (
    (status === undefined || status.includes(state.status)) &&
    (workflow === undefined || workflow === details.workflow) &&
    (version === undefined || version === details.version) &&
    Object.entries(tags ?? {}).every(
      ([name, value]) => Object.hasOwn(details.tags, name) && details.tags[name] === value,
    ) &&
    (search === undefined || textsOf(state, details).some((text) => text.includes(search)))
  );
}

function textsOf({ id }: RunState, { workflow, tags, idempotencyKey }: RunDetails): readonly string[] {
  return [id, workflow, idempotencyKey ?? "", ...Object.values(tags)];
}

/** Runs that were removed meanwhile are left out. */
async function recordsOf(
  { reads, keys }: Partition,
  ids: readonly Placed<string>[],
): Promise<readonly Placed<RunRecord>[]> {
  const records: Placed<RunRecord>[] = [];
  for (let from = 0; from < ids.length; from += RECORDS_AT_ONCE) {
    const part = ids.slice(from, from + RECORDS_AT_ONCE);
    const rows = await reads.all(
      part.map(({ entry }) => ["HMGET", keys.run(entry), RUN_FIELDS.state, ...DETAIL_FIELDS]),
    );
    for (const [at, { position, entry }] of part.entries()) {
      const record = readRecord(entry, listOf(rows[at]));
      if (record !== undefined) records.push({ position, entry: record });
    }
  }
  return records;
}
