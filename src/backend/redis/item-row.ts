/**
 * A work item as a row, and back. Before the row stand its version, where it lies in the indexes, and its group: what
 * scripts look at. Invariant: `readItem(writeItem(row, v))` equals the row, and `placeText` tells two places apart.
 */

import { Buffer } from "node:buffer";
import { digest } from "../../core/digest.ts";
import type { ItemPayload, WorkItem } from "../contract/work-item.ts";
import type { StoredItem } from "../remote/changes.ts";
import { CLAIM_REASON, ITEM_KIND, ITEM_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { readWait, writeWait } from "../sql/stored-wait.ts";
import type { Placement } from "../synchronous/row-store.ts";
import { numberText } from "./keys.ts";
import { damaged } from "./reply.ts";
import {
  listAt,
  numberAt,
  optionalNumberAt,
  optionalTextAt,
  readList,
  type StoredList,
  textAt,
  textsAt,
} from "./stored-list.ts";

/** What a claim is addressed to. */
export interface Lane {
  /** Stands for the rest in keys. */
  readonly name: string;
  readonly queue: string;
  readonly definition: string;
  readonly labels: readonly string[];
}

/** An item's row with what the store itself knows of it. */
export interface ItemRow extends StoredItem {
  readonly hasMemos: boolean;
  readonly payload: PayloadPlace;
}

/** Whether an item carries anything, and in which field. */
export type PayloadPlace = "none" | "small" | "large";

/** A payload up to this size is read along with its item. */
const SMALL_BYTES = 16_384;
const LANE_NAME_LENGTH = 20;
const PAYLOAD_PLACES: readonly PayloadPlace[] = ["none", "small", "large"];

export function laneNameOf(queue: string, definition: string, labels: readonly string[]): string {
  return digest(JSON.stringify([queue, definition, labels])).slice(0, LANE_NAME_LENGTH);
}

/** The lane as it is kept beside its name. */
export function writeLane({ queue, definition, labels }: Omit<Lane, "name">): string {
  return JSON.stringify([queue, definition, labels]);
}

export function readLane(name: string, stored: string): Lane {
  const list = readList(stored, "a lane");
  return { name, queue: textAt(list, 0), definition: textAt(list, 1), labels: textsAt(list, 2) };
}

/** Where an item lies, in a few characters that scripts compare. */
function placeText(item: WorkItem, placement: Placement, lane: string): string {
  switch (placement.kind) {
    case "ready":
      return (placement.stalled ? "1" : "0") + lane;
    case "due":
      return item.status === "in_progress" ? "b" : "d";
    case "aside":
      return "a";
    case "none":
      return "n";
  }
}

export function writeItem({ item, placement, definition, hasMemos, payload }: ItemRow, version: string): string {
  const lane = placement.kind === "ready" ? laneNameOf(item.queue, definition, item.labels) : "";
  const group = item.group === undefined ? "" : numberText(item.group);
  const row = [
    item.node,
    ITEM_KIND.encode(item.kind),
    ITEM_STATUS.encode(item.status),
    item.from,
    item.attempts,
    item.stalls,
    item.conflicts,
    item.epoch,
    item.session,
    item.claimedAt,
    item.readyAt,
    item.priority,
    item.queue,
    item.labels,
    item.keys,
    item.group,
    item.joins,
    item.index,
    item.path,
    item.createdAt,
    item.endedAt,
    item.commit,
    item.timeoutMs,
    item.timeoutAt,
    item.deadlineMs,
    item.deadlineAt,
    CLAIM_REASON.encode(item.reason),
    item.revision,
    item.commitDigest,
    item.waitedMs,
    item.ranMs,
    item.failure === undefined ? null : toStoredFailure(item.failure),
    placementList(placement),
    definition,
    hasMemos ? 1 : 0,
    PAYLOAD_PLACES.indexOf(payload),
    ...(item.wait === undefined ? [] : [writeWait(item.wait)]),
  ];
  return `${version}${placeText(item, placement, lane)} ${group} ${JSON.stringify(row)}`;
}

export function readItem(runId: string, number: number, stored: Buffer): ItemRow {
  const list = readList(bodyOf(stored), "an item");
  const failure = optionalTextAt(list, 31);
  const item: WorkItem = {
    runId,
    item: number,
    node: textAt(list, 0),
    kind: ITEM_KIND.decode(list[1]),
    status: ITEM_STATUS.decode(list[2]),
    from: optionalNumberAt(list, 3),
    attempts: numberAt(list, 4),
    stalls: numberAt(list, 5),
    conflicts: numberAt(list, 6),
    epoch: numberAt(list, 7),
    session: optionalTextAt(list, 8),
    claimedAt: optionalNumberAt(list, 9),
    readyAt: numberAt(list, 10),
    priority: numberAt(list, 11),
    queue: textAt(list, 12),
    labels: textsAt(list, 13),
    keys: textsAt(list, 14),
    group: optionalNumberAt(list, 15),
    joins: optionalNumberAt(list, 16),
    index: numberAt(list, 17),
    path: textAt(list, 18),
    createdAt: numberAt(list, 19),
    endedAt: optionalNumberAt(list, 20),
    commit: numberAt(list, 21),
    timeoutMs: numberAt(list, 22),
    timeoutAt: optionalNumberAt(list, 23),
    deadlineMs: optionalNumberAt(list, 24),
    deadlineAt: optionalNumberAt(list, 25),
    reason: CLAIM_REASON.decode(list[26]),
    revision: numberAt(list, 27),
    commitDigest: optionalTextAt(list, 28),
    waitedMs: optionalNumberAt(list, 29),
    ranMs: optionalNumberAt(list, 30),
    failure: failure === undefined ? undefined : fromStoredFailure(failure),
    ...(list[36] === undefined ? {} : { wait: readWait(list[36]) }),
  };
  const payload = PAYLOAD_PLACES[numberAt(list, 35)];
  if (payload === undefined) throw damaged("an item that carries something unknown");
  return {
    item,
    placement: readPlacement(listAt(list, 32)),
    definition: textAt(list, 33),
    hasMemos: numberAt(list, 34) === 1,
    payload,
  };
}

/** What comes after the second space. */
function bodyOf(stored: Buffer): string {
  const first = stored.indexOf(0x20);
  const second = stored.indexOf(0x20, first + 1);
  if (first < 0 || second < 0) throw damaged("an item without a row");
  return stored.toString("utf8", second + 1);
}

/** JSON and indexes have no other numbers; a priority can be so high that a rank is none. */
function finite(number: number): number {
  if (Number.isNaN(number)) return 0;
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, number));
}

function placementList(placement: Placement): readonly (string | number)[] {
  switch (placement.kind) {
    case "ready":
      return [placement.stalled ? 1 : 0, finite(placement.rank)];
    case "due":
      return [2, finite(placement.at)];
    case "aside":
      return [3];
    case "none":
      return [4];
  }
}

function readPlacement(list: StoredList): Placement {
  switch (numberAt(list, 0)) {
    case 0:
      return { kind: "ready", stalled: false, rank: numberAt(list, 1) };
    case 1:
      return { kind: "ready", stalled: true, rank: numberAt(list, 1) };
    case 2:
      return { kind: "due", at: numberAt(list, 1) };
    case 3:
      return { kind: "aside" };
    case 4:
      return { kind: "none" };
    default:
      throw damaged("an item that lies at an unknown place");
  }
}

const NOTHING: ItemPayload = { input: undefined, failure: undefined };
const INPUT = 1;
const FAILURE = 2;
const HEAD = 5;

export function payloadPlaceOf({ input, failure }: ItemPayload): PayloadPlace {
  if (input === undefined && failure === undefined) return "none";
  return (input?.byteLength ?? 0) + (failure?.byteLength ?? 0) <= SMALL_BYTES ? "small" : "large";
}

/** What is there, as bits; the length of the input; the input; the failure. */
export function writePayload({ input, failure }: ItemPayload): Buffer {
  const head = Buffer.allocUnsafe(HEAD);
  head.writeUInt8((input === undefined ? 0 : INPUT) | (failure === undefined ? 0 : FAILURE), 0);
  head.writeUInt32BE(input?.byteLength ?? 0, 1);
  return Buffer.concat([head, input ?? NO_BYTES, failure ?? NO_BYTES]);
}

const NO_BYTES = new Uint8Array();

export function readPayload(stored: Buffer | undefined): ItemPayload {
  if (stored === undefined) return NOTHING;
  if (stored.byteLength < HEAD) throw damaged("an item whose payload is cut off");
  const bits = stored.readUInt8(0);
  const end = HEAD + stored.readUInt32BE(1);
  return {
    input: (bits & INPUT) === 0 ? undefined : ownBytes(stored, HEAD, end),
    failure: (bits & FAILURE) === 0 ? undefined : ownBytes(stored, end),
  };
}

/** A plain array with memory of its own: a buffer of the driver shares its memory with others. */
export function ownBytes(stored: Buffer, from = 0, to = stored.byteLength): Uint8Array {
  return new Uint8Array(stored.subarray(from, to));
}
