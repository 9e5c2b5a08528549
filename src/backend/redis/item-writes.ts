/**
 * Writes of work items: their rows, what they carry, and the indexes that claims and sweeps look at. Where an item lies is
 * decided by whoever writes it; the row says it too, so that an index can be told from the rows.
 */

import type { WorkItem } from "../contract/work-item.ts";
import type { Changes, InsertedItem, StoredItem } from "../remote/changes.ts";
import { type ItemRow, payloadPlaceOf, writeItem, writeLane, writePayload } from "./item-row.ts";
import { itemMember, keyText, memoMember, numberText, RUN_FIELDS } from "./keys.ts";
import { standing } from "./run-row.ts";
import { bytesArgument, type Writing } from "./writing.ts";

export function writeItems(changes: Changes, writing: Writing): void {
  const memos = new Set(changes.memos.map(({ runId, item }) => itemMember(runId, item)));
  const inputs = new Map(changes.inputs.map((input) => [itemMember(input.runId, input.item), input]));
  const updated = new Map(changes.updatedItems.map((row) => [itemMember(row.item.runId, row.item.item), row]));
  for (const row of changes.insertedItems) insertItem(row, memos, writing);
  for (const [member, row] of updated) updateItem(member, row, row.before, memos.has(member), writing);
  // Whatever is written of an item gives it a new version: results of steps, and another input.
  for (const member of new Set([...memos.keys(), ...inputs.keys()])) {
    const row = updated.has(member) ? undefined : writing.rows.items.get(member)?.row;
    if (row !== undefined) updateItem(member, row, row, true, writing);
  }
  for (const [member, { runId, item, input }] of inputs) replaceInput(member, runId, item, input, writing);
  for (const { runId, item, name, value } of changes.memos) {
    const memo = memoMember(item, name);
    writing.list.place(writing.keys.memos(runId), memo, 0);
    writing.list.fieldOnce(writing.keys.run(runId), RUN_FIELDS.memo(memo), bytesArgument(value));
  }
}

/** Rows that the step decided by and does not write. */
export function expectHeld({ held, insertedItems, updatedItems }: Changes, writing: Writing): void {
  const { list, keys, rows } = writing;
  for (const { runId, item } of held.items) {
    const known = rows.items.get(itemMember(runId, item));
    if (known !== undefined) list.expectVersion(keys.run(runId), RUN_FIELDS.item(item), known.version);
  }
  // Where an item belongs depends on what its run is.
  const runs = [...insertedItems, ...updatedItems].map(({ item }) => item.runId);
  for (const runId of new Set([...held.runs, ...runs])) {
    const state = rows.runs.get(runId)?.row;
    if (state !== undefined && !writing.removed.has(runId)) {
      list.expectStanding(keys.run(runId), RUN_FIELDS.state, standing(state));
    }
  }
  for (const runId of rows.wholeRuns) {
    list.expectVersion(keys.run(runId), RUN_FIELDS.state, rows.runs.get(runId)?.version);
  }
  for (const [runId, count] of rows.asideCounts) list.expectCount(keys.aside(runId), count);
}

function insertItem(row: InsertedItem, memos: ReadonlySet<string>, writing: Writing): void {
  const { item, payload } = row;
  const { list, keys } = writing;
  const key = keys.run(item.runId);
  const place = payloadPlaceOf(payload);
  const hasMemos = memos.has(itemMember(item.runId, item.item));
  writeRow({ ...row, hasMemos, payload: place }, writing);
  if (place !== "none") list.field(key, payloadField(item, place), writePayload(payload));
  placeItem(row, writing);
}

function updateItem(member: string, row: StoredItem, before: StoredItem, hasMemos: boolean, writing: Writing): void {
  const { list, keys, rows } = writing;
  const { item } = row;
  const known = rows.items.get(member);
  list.expectVersion(keys.run(item.runId), RUN_FIELDS.item(item.item), known?.version);
  writeRow(
    { ...row, hasMemos: hasMemos || known?.row?.hasMemos === true, payload: known?.row?.payload ?? "none" },
    writing,
  );
  if (row === before) return;
  displaceItem(before, writing);
  placeItem(row, writing);
}

function replaceInput(member: string, runId: string, item: number, input: Uint8Array, writing: Writing): void {
  const { list, keys, rows, written } = writing;
  const last = written.items.findLast((row) => row.item.runId === runId && row.item.item === item);
  const row = last ?? rows.items.get(member)?.row;
  if (row === undefined) return;
  const payload = { input, failure: rows.payloads.get(member)?.failure };
  const place = payloadPlaceOf(payload);
  for (const other of ["small", "large"] as const) {
    if (other !== place) list.field(keys.run(runId), payloadField(row.item, other), undefined);
  }
  list.field(keys.run(runId), payloadField(row.item, place === "large" ? "large" : "small"), writePayload(payload));
  writeRow({ ...row, payload: place }, writing);
}

function writeRow(row: ItemRow, { list, keys, version, written }: Writing): void {
  list.field(keys.run(row.item.runId), RUN_FIELDS.item(row.item.item), writeItem(row, version));
  written.items.push(row);
}

function payloadField({ item }: WorkItem, place: "small" | "large"): string {
  return place === "small" ? RUN_FIELDS.payload(item) : RUN_FIELDS.largePayload(item);
}

function placeItem({ item, placement, definition }: StoredItem, writing: Writing): void {
  const { list, keys } = writing;
  const member = itemMember(item.runId, item.item);
  const holder = holderOf(item);
  if (holder !== undefined) {
    list.place(keys.itemsOf(holder), member, placement.kind === "due" ? placement.at : Number.POSITIVE_INFINITY);
    list.session(keyText(holder));
  }
  if (placement.kind === "ready") {
    const lane = laneOf(item, definition, writing);
    list.place(keys.lane(lane, placement.stalled), member, placement.rank);
    list.member(keys.activeLanes(placement.stalled), lane);
  } else if (placement.kind === "due" && holder === undefined) list.place(keys.due, member, placement.at);
  else if (placement.kind === "aside") list.place(keys.aside(item.runId), numberText(item.item), 0);
}

export function displaceItem({ item, placement, definition }: StoredItem, { list, keys, lanes }: Writing): void {
  const member = itemMember(item.runId, item.item);
  const holder = holderOf(item);
  if (holder !== undefined) {
    list.displace(keys.itemsOf(holder), member);
    list.session(keyText(holder));
  }
  if (placement.kind === "ready") {
    list.displace(keys.lane(lanes.nameOf(item.queue, definition, item.labels), placement.stalled), member);
  } else if (placement.kind === "due" && holder === undefined) list.displace(keys.due, member);
  else if (placement.kind === "aside") list.displace(keys.aside(item.runId), numberText(item.item));
}

/** The session that executes it. */
function holderOf({ status, session }: WorkItem): string | undefined {
  return status === "in_progress" ? session : undefined;
}

function laneOf({ queue, labels }: WorkItem, definition: string, { list, keys, lanes, written }: Writing): string {
  const name = lanes.nameOf(queue, definition, labels);
  if (!lanes.isStored(name)) {
    const lane = { name, queue, definition, labels };
    list.field(keys.lanes, name, writeLane(lane));
    written.lanes.push(lane);
  }
  return name;
}
