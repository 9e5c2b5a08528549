/**
 * A work item as a row, and back. What an item shares with others of its node is in its shape; what most items do not
 * have is in one column of JSON. Invariant: `readItem(writeItem(item))` equals the item.
 */

import type { ClaimReason, WorkItem } from "../contract/work-item.ts";
import { CLAIM_REASON, ITEM_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { parseStored, toStoredText } from "../sql/stored-text.ts";
import { readWait, writeWait } from "../sql/stored-wait.ts";
import type { Placement } from "../synchronous/row-store.ts";
import type { SqlRow, SqlValue } from "./driver.ts";
import type { Identities, Shape } from "./identities.ts";
import { damaged, isObject, isStrings, numberAt, optionalNumberAt, optionalTextAt, textAt } from "./row-values.ts";

/** Columns that change during an item's life, in the order of `changingValues`. */
const CHANGING = [
  "status",
  "place",
  "place_key",
  "ready_at",
  "epoch",
  "session",
  "claimed_at",
  "ended_at",
  "commit_number",
  "timeout_at",
  "waited_ms",
  "ran_ms",
  "commit_digest",
  "extra",
] as const;

/** Columns that stay, in the order of `stayingValues`. */
const STAYING = [
  "run",
  "number",
  "ns",
  "lane",
  "shape",
  "contents",
  "created_at",
  "priority",
  "source",
  "branch_group",
  "joins",
  "place_in_emission",
  "path",
  "input",
] as const;

const READ = [
  "run",
  "number",
  "shape",
  "status",
  "ready_at",
  "epoch",
  "session",
  "claimed_at",
  "ended_at",
  "commit_number",
  "timeout_at",
  "waited_ms",
  "ran_ms",
  "commit_digest",
  "extra",
  "created_at",
  "priority",
  "source",
  "branch_group",
  "joins",
  "place_in_emission",
  "path",
  "contents",
  "input",
  "id",
] as const;

/** The columns that `readItem` takes, then `contents`, `input` and the number of the row. */
export const ITEM_COLUMNS: string = READ.map((column) => `item.${column}`).join(", ");
export const CONTENTS_AT: number = READ.indexOf("contents");
export const INPUT_AT: number = READ.indexOf("input");
export const ROW_AT: number = READ.indexOf("id");
/** Number of columns. */
export const ITEM_WIDTH: number = READ.length;

export const INSERT_ITEM = `INSERT INTO item (${[...STAYING, ...CHANGING].join(", ")})
  VALUES (${[...STAYING, ...CHANGING].map(() => "?").join(", ")})`;

export const UPDATE_ITEM = `UPDATE item SET ${CHANGING.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`;

/** Codes of `item.place`. */
export const PLACE = { none: 0, ready: 1, stalled: 2, due: 3, busy: 4, aside: 5, damaged: 6 } as const;

/** `place` and `place_key` of an item. */
export function placeValues(status: WorkItem["status"], placement: Placement): readonly [number, number | null] {
  switch (placement.kind) {
    case "ready":
      return [placement.stalled ? PLACE.stalled : PLACE.ready, placement.rank];
    case "due":
      return [status === "in_progress" ? PLACE.busy : PLACE.due, placement.at];
    case "aside":
      return [PLACE.aside, null];
    case "none":
      return [PLACE.none, null];
  }
}

export function changingValues(item: WorkItem, placement: Placement, ids: Identities): SqlValue[] {
  const [place, placeKey] = placeValues(item.status, placement);
  return [
    ITEM_STATUS.encode(item.status),
    place,
    placeKey,
    item.readyAt,
    item.epoch,
    item.session === undefined ? null : ids.sessionFor(item.session),
    item.claimedAt ?? null,
    item.endedAt ?? null,
    item.commit,
    item.timeoutAt ?? null,
    item.waitedMs ?? null,
    item.ranMs ?? null,
    item.commitDigest === undefined ? null : toStoredText(item.commitDigest),
    writeExtra(item),
  ];
}

export function stayingValues(
  run: number,
  ns: number,
  item: WorkItem,
  shape: Shape,
  contents: number,
  input: Uint8Array | null,
): SqlValue[] {
  return [
    run,
    item.item,
    ns,
    shape.lane.id,
    shape.id,
    contents,
    item.createdAt,
    item.priority,
    item.from ?? null,
    item.group ?? null,
    item.joins ?? null,
    item.index,
    item.path,
    input,
  ];
}

export function readItem(row: SqlRow, runId: string, ids: Identities): WorkItem {
  const shape = ids.shape(numberAt(row, 2));
  const session = optionalNumberAt(row, 6);
  const extra = readExtra(row[14] ?? null);
  return {
    runId,
    item: numberAt(row, 1),
    node: shape.node,
    kind: shape.kind,
    status: ITEM_STATUS.decode(row[3]),
    from: optionalNumberAt(row, 17),
    attempts: extra.attempts,
    stalls: extra.stalls,
    conflicts: extra.conflicts,
    epoch: numberAt(row, 5),
    session: session === undefined ? undefined : ids.sessionName(session),
    claimedAt: optionalNumberAt(row, 7),
    readyAt: numberAt(row, 4),
    priority: numberAt(row, 16),
    queue: shape.lane.queue,
    labels: shape.lane.labels,
    keys: extra.keys,
    group: optionalNumberAt(row, 18),
    joins: optionalNumberAt(row, 19),
    index: numberAt(row, 20),
    path: textAt(row, 21),
    createdAt: numberAt(row, 15),
    endedAt: optionalNumberAt(row, 8),
    commit: numberAt(row, 9),
    timeoutMs: shape.timeoutMs,
    timeoutAt: optionalNumberAt(row, 10),
    deadlineMs: shape.deadlineMs,
    deadlineAt: extra.deadlineAt,
    reason: extra.reason,
    revision: extra.revision,
    commitDigest: optionalTextAt(row, 13),
    waitedMs: optionalNumberAt(row, 11),
    ranMs: optionalNumberAt(row, 12),
    failure: extra.failure,
    ...(extra.wait === undefined ? {} : { wait: extra.wait }),
  };
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
    reason: reasonOf(extra.reason),
    revision: countOf(extra.revision),
    failure: typeof extra.failure === "string" ? fromStoredFailure(extra.failure) : undefined,
    wait: extra.wait === undefined ? undefined : readWait(extra.wait),
  };
}

function countOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function reasonOf(value: unknown): ClaimReason {
  return value === undefined ? "ready" : CLAIM_REASON.decode(value);
}
