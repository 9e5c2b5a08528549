/**
 * A work item as a row, and back. What an item shares with others of its lane is in its lane; what most items do not have is
 * in one column of JSON. Invariant: what is read equals what was written.
 */

import type { ClaimReason, ItemPayload, WorkItem } from "../contract/work-item.ts";
import type { LoadedItem, StoredItem } from "../remote/changes.ts";
import { CLAIM_REASON, ITEM_KIND, ITEM_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { parseStored, toStoredText } from "../sql/stored-text.ts";
import { readWait, writeWait } from "../sql/stored-wait.ts";
import type { Placement } from "../synchronous/row-store.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import { FRESH_MS } from "./floors.ts";
import type { Lane, Lanes } from "./lanes.ts";
import type { Cell, Columns } from "./parameters.ts";
import {
  booleanAt,
  damaged,
  isObject,
  isStrings,
  numberAt,
  optionalBytesAt,
  optionalNumberAt,
  optionalTextAt,
  plainTextAt,
  textAt,
} from "./row-values.ts";

/** Columns that change during an item's life, in the order of `changingCells`. */
export const CHANGING: Columns = [
  ["place_key", "double precision"],
  ["ready_at", "double precision"],
  ["claimed_at", "double precision"],
  ["ended_at", "double precision"],
  ["timeout_at", "double precision"],
  ["waited_ms", "double precision"],
  ["ran_ms", "double precision"],
  ["epoch", "integer"],
  ["commit_number", "integer"],
  ["status", "smallint"],
  ["place", "smallint"],
  ["session", "text"],
  ["commit_digest", "text"],
  ["extra", "text"],
];

/** Columns that stay, in the order of `stayingCells`. */
export const STAYING: Columns = [
  ["run", "bigint"],
  ["created_at", "double precision"],
  ["priority", "double precision"],
  ["timeout_ms", "double precision"],
  ["deadline_ms", "double precision"],
  ["place_in_emission", "bigint"],
  ["number", "integer"],
  ["lane", "integer"],
  ["source", "integer"],
  ["branch_group", "integer"],
  ["joins", "integer"],
  ["kind", "smallint"],
  ["node", "text"],
  ["path", "text"],
  ["input", "bytea"],
  ["handed_failure", "bytea"],
];

/** Payloads up to this size come with the rows that carry them; larger ones are asked for. */
const ACCOMPANYING_BYTES = 8_192;

const READ = [
  ...["run", "number", "lane", "kind", "status", "place", "place_key", "ready_at", "epoch", "session", "claimed_at"],
  ...["ended_at", "commit_number", "timeout_at", "waited_ms", "ran_ms", "commit_digest", "extra", "created_at"],
  ...["priority", "timeout_ms", "deadline_ms", "source", "branch_group", "joins", "place_in_emission", "path", "node"],
  ...["has_memos", "ctid", "xmin"],
];
const SIZE = "coalesce(octet_length(item.input), 0) + coalesce(octet_length(item.handed_failure), 0)";
const carried = (column: string): string => `CASE WHEN ${SIZE} <= ${ACCOMPANYING_BYTES} THEN item.${column} END`;

const PLAIN_COLUMNS = READ.map((column) => `item.${column}`).join(", ");

/** The columns that `readItemRow` takes, of an item that nobody asks the payload of. */
export const ITEM_COLUMNS = `${PLAIN_COLUMNS}, NULL::bytea AS input, NULL::bytea AS handed_failure, NULL::integer AS size`;

/** The same with the payload, if it is small. */
export const CARRYING_COLUMNS = `${PLAIN_COLUMNS}, ${carried("input")} AS input, ${carried("handed_failure")} AS handed_failure, ${SIZE} AS size`;

/** Names of the columns of either, to pass them on. */
export const COLUMN_NAMES: readonly string[] = [...READ, "input", "handed_failure", "size"];

export const LANE_AT = 2;
/** Number of columns. */
export const ITEM_WIDTH: number = COLUMN_NAMES.length;

/** Codes of `item.place`. */
export const PLACE = { none: 0, ready: 1, stalled: 2, due: 3, busy: 4, aside: 5, damaged: 6, late: 7 } as const;

export const IN_PROGRESS: number = ITEM_STATUS.encode("in_progress");

/** One step of priority, in milliseconds of rank. */
const BAND_MS = 10_000;

/** How much lower than the present the ranks of new ready items of a lane lie. */
export function shiftOf(band: number): number {
  return band * BAND_MS;
}

/** `place` and `place_key` of an item, written at `now`. */
function placeCells(
  status: WorkItem["status"],
  placement: Placement,
  band: number | undefined,
  now: number,
): readonly [place: number, placeKey: number | null] {
  switch (placement.kind) {
    case "ready": {
      if (placement.stalled) return [PLACE.stalled, placement.rank];
      const isFresh = band !== undefined && placement.rank >= now - FRESH_MS - shiftOf(band);
      return [isFresh ? PLACE.ready : PLACE.late, placement.rank];
    }
    case "due":
      // One that is overdue already is looked at from now on: claims do not look further back.
      return [status === "in_progress" ? PLACE.busy : PLACE.due, Math.max(placement.at, now - FRESH_MS)];
    case "aside":
      return [PLACE.aside, null];
    case "none":
      return [PLACE.none, null];
  }
}

export function changingCells({ item, placement }: StoredItem, band: number | undefined, now: number): Cell[] {
  const [place, placeKey] = placeCells(item.status, placement, band, now);
  return [
    placeKey,
    item.readyAt,
    item.claimedAt ?? null,
    item.endedAt ?? null,
    item.timeoutAt ?? null,
    item.waitedMs ?? null,
    item.ranMs ?? null,
    item.epoch,
    item.commit,
    ITEM_STATUS.encode(item.status),
    place,
    storedOrNothing(item.session),
    storedOrNothing(item.commitDigest),
    writeExtra(item),
  ];
}

export function stayingCells(run: number, lane: Lane, item: WorkItem, payload: ItemPayload): Cell[] {
  return [
    run,
    item.createdAt,
    item.priority,
    item.timeoutMs,
    item.deadlineMs ?? null,
    item.index,
    item.item,
    lane.id,
    item.from ?? null,
    item.group ?? null,
    item.joins ?? null,
    ITEM_KIND.encode(item.kind),
    toStoredText(item.node),
    toStoredText(item.path),
    payload.input ?? null,
    payload.failure ?? null,
  ];
}

/** A row as it is in the store, and which version of it. */
export interface ItemRow extends LoadedItem {
  readonly place: string;
  readonly version: string;
}

export function readItemRow(row: SqlRow, runId: string, lanes: Lanes): ItemRow {
  const lane = lanes.lane(numberAt(row, LANE_AT));
  const size = optionalNumberAt(row, 33);
  const carries = size !== undefined && size <= ACCOMPANYING_BYTES;
  const payload = carries ? { input: optionalBytesAt(row, 31), failure: optionalBytesAt(row, 32) } : undefined;
  return {
    item: readItem(row, runId, lane),
    placement: readPlacement(numberAt(row, 5), optionalNumberAt(row, 6)),
    definition: lane.definition,
    hasMemos: booleanAt(row, 28),
    place: plainTextAt(row, 29),
    version: plainTextAt(row, 30),
    ...(payload === undefined ? {} : { payload }),
  };
}

function readItem(row: SqlRow, runId: string, lane: Lane): WorkItem {
  const extra = readExtra(row[17] ?? null);
  return {
    runId,
    item: numberAt(row, 1),
    node: textAt(row, 27),
    kind: ITEM_KIND.decode(row[3]),
    status: ITEM_STATUS.decode(row[4]),
    from: optionalNumberAt(row, 22),
    attempts: extra.attempts,
    stalls: extra.stalls,
    conflicts: extra.conflicts,
    epoch: numberAt(row, 8),
    session: optionalTextAt(row, 9),
    claimedAt: optionalNumberAt(row, 10),
    readyAt: numberAt(row, 7),
    priority: numberAt(row, 19),
    queue: lane.queue,
    labels: lane.labels,
    keys: extra.keys,
    group: optionalNumberAt(row, 23),
    joins: optionalNumberAt(row, 24),
    index: numberAt(row, 25),
    path: textAt(row, 26),
    createdAt: numberAt(row, 18),
    endedAt: optionalNumberAt(row, 11),
    commit: numberAt(row, 12),
    timeoutMs: numberAt(row, 20),
    timeoutAt: optionalNumberAt(row, 13),
    deadlineMs: optionalNumberAt(row, 21),
    deadlineAt: extra.deadlineAt,
    reason: extra.reason,
    revision: extra.revision,
    commitDigest: optionalTextAt(row, 16),
    waitedMs: optionalNumberAt(row, 14),
    ranMs: optionalNumberAt(row, 15),
    failure: extra.failure,
    ...(extra.wait === undefined ? {} : { wait: extra.wait }),
  };
}

function readPlacement(place: number, key: number | undefined): Placement {
  switch (place) {
    case PLACE.ready:
    case PLACE.late:
    case PLACE.stalled:
      return { kind: "ready", rank: keyOf(key), stalled: place === PLACE.stalled };
    case PLACE.due:
    case PLACE.busy:
      return { kind: "due", at: keyOf(key) };
    case PLACE.aside:
      return { kind: "aside" };
    default:
      return { kind: "none" };
  }
}

function keyOf(key: number | undefined): number {
  if (key === undefined) throw damaged("an item that lies nowhere in an index");
  return key;
}

function storedOrNothing(text: string | undefined): string | null {
  return text === undefined ? null : toStoredText(text);
}

type Extra = Pick<
  WorkItem,
  "keys" | "attempts" | "stalls" | "conflicts" | "deadlineAt" | "reason" | "revision" | "failure" | "wait"
>;

const PLAIN: Extra = Object.freeze({
  keys: Object.freeze([]),
  attempts: 0,
  stalls: 0,
  conflicts: 0,
  deadlineAt: undefined,
  reason: "ready",
  revision: 0,
  failure: undefined,
});

function writeExtra(item: WorkItem): string | null {
  if (isPlain(item)) return null;
  return JSON.stringify({
    keys: item.keys.length === 0 ? undefined : item.keys,
    attempts: item.attempts || undefined,
    stalls: item.stalls || undefined,
    conflicts: item.conflicts || undefined,
    deadlineAt: item.deadlineAt,
    reason: item.reason === "ready" ? undefined : CLAIM_REASON.encode(item.reason),
    revision: item.revision || undefined,
    failure: item.failure === undefined ? undefined : toStoredFailure(item.failure),
    wait: item.wait === undefined ? undefined : writeWait(item.wait),
  });
}

function isPlain(item: WorkItem): boolean {
  return (
    item.keys.length === 0 &&
    item.attempts === 0 &&
    item.stalls === 0 &&
    item.conflicts === 0 &&
    item.deadlineAt === undefined &&
    item.reason === "ready" &&
    item.revision === 0 &&
    item.failure === undefined &&
    item.wait === undefined
  );
}

function readExtra(stored: SqlValue): Extra {
  if (stored === null) return PLAIN;
  const extra = typeof stored === "string" ? parseStored(stored) : undefined;
  if (!isObject(extra)) throw damaged("an item whose extra column is not readable");
  return {
    keys: isStrings(extra.keys) ? extra.keys : PLAIN.keys,
    attempts: countOf(extra.attempts),
    stalls: countOf(extra.stalls),
    conflicts: countOf(extra.conflicts),
    deadlineAt: typeof extra.deadlineAt === "number" ? extra.deadlineAt : undefined,
    reason: extra.reason === undefined ? "ready" : reasonOf(extra.reason),
    revision: countOf(extra.revision),
    failure: typeof extra.failure === "string" ? fromStoredFailure(extra.failure) : undefined,
    wait: extra.wait === undefined ? undefined : readWait(extra.wait),
  };
}

function countOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function reasonOf(value: unknown): ClaimReason {
  return CLAIM_REASON.decode(value);
}
