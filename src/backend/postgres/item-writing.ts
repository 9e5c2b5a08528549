/** Writes what a step changed of work items and of what belongs to them. */

import { digest } from "../../core/digest.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Changes } from "../remote/changes.ts";
import { toStoredText } from "../sql/stored-text.ts";
import type { SqlRow, Statement } from "./driver.ts";
import { GROUP, groupCells } from "./group-row.ts";
import { CHANGING, changingCells, PLACE, STAYING, stayingCells } from "./item-row.ts";
import { bandOf } from "./lanes.ts";
import type { StoreParts } from "./loading.ts";
import { type Columns, givenRows, listOf, rowParameters } from "./parameters.ts";
import { itemKey, type RecentRows } from "./recent-rows.ts";
import { knownRun } from "./run-writing.ts";
import type { Statements } from "./statements.ts";
import type { KnownItem, StepRows } from "./step-rows.ts";
import { exactly, insertion, lastOfEach, readPlaces, updatesInPlace, type Write } from "./writing.ts";

const INSERT_ITEMS = insertion("item", [...STAYING, ...CHANGING, ["has_memos", "boolean"]], { hasNamespace: true });

/** By where the row lay when it was read and which version it was: any change since, and it is not there any more. */
const UPDATED: Columns = [["place_in_table", "tid"], ["seen", "xid"], ...CHANGING];
const UPDATE_ITEMS = updatesInPlace("item", UPDATED, "AND item.xmin = given.seen");
const HOLD_ITEMS = exactly(`SELECT item.run FROM unnest($1::tid[], $2::xid[]) AS given(place_in_table, seen)
  JOIN millrace.item ON item.ctid = given.place_in_table WHERE item.xmin = given.seen FOR UPDATE OF item`);

/** Waits for nobody: who holds one of these may wait for another. */
const TAKE_OFFERED = exactly(`SELECT item.run FROM unnest($1::tid[], $2::xid[]) AS given(place_in_table, seen)
  JOIN millrace.item ON item.ctid = given.place_in_table WHERE item.xmin = given.seen FOR UPDATE OF item SKIP LOCKED`);

const KEYS: Columns = [
  ["run", "bigint"],
  ["number", "integer"],
];
const GIVEN_KEYS = givenRows(KEYS);
const SET_APART = `UPDATE millrace.item SET place = ${PLACE.damaged} FROM ${GIVEN_KEYS.from}
  WHERE item.run = given.run AND item.number = given.number`;
const NOTE_MEMOS = `UPDATE millrace.item SET has_memos = true FROM ${GIVEN_KEYS.from}
  WHERE item.run = given.run AND item.number = given.number AND NOT item.has_memos`;
const INPUTS: Columns = [...KEYS, ["input", "bytea"]];
const GIVEN_INPUTS = givenRows(INPUTS);
const PUT_INPUTS = `UPDATE millrace.item SET input = ${GIVEN_INPUTS.cells[2]} FROM ${GIVEN_INPUTS.from}
  WHERE item.run = given.run AND item.number = given.number`;

const PUT_GROUPS = insertion("branch_group", GROUP, {
  conflict:
    "ON CONFLICT (run, number) DO UPDATE SET open = excluded.open, arrived = excluded.arrived, done = excluded.done",
});
const INSERT_ARRIVALS = insertion("arrival", [
  ["run", "bigint"],
  ["branch_group", "integer"],
  ["join_node", "text"],
  ["path", "text"],
  ["commit_number", "integer"],
  ["place_in_emission", "bigint"],
  ["source", "integer"],
  ["node", "text"],
  ["value", "bytea"],
]);
const INSERT_OUTPUTS = insertion("output", [
  ["run", "bigint"],
  ["path", "text"],
  ["commit_number", "integer"],
  ["place_in_emission", "bigint"],
  ["source", "integer"],
  ["value", "bytea"],
]);
const INSERT_MEMOS = insertion(
  "memo",
  [
    ["run", "bigint"],
    ["item", "integer"],
    ["key", "text"],
    ["name", "text"],
    ["value", "bytea"],
  ],
  { conflict: "ON CONFLICT DO NOTHING" },
);
const PUT_PROGRESS = insertion(
  "progress",
  [
    ["run", "bigint"],
    ["item", "integer"],
    ["epoch", "integer"],
    ["at", "double precision"],
    ["details", "bytea"],
  ],
  {
    conflict:
      "ON CONFLICT (run, item) DO UPDATE SET epoch = excluded.epoch, at = excluded.at, details = excluded.details",
  },
);

/**
 * Locks items that must be as they were loaded: those that decided what the step writes, those that were only known from
 * before, and those that others may take as well.
 */
export function holdItems(statements: Statements, changes: Changes, known: StepRows): Statement[] {
  const { held, updatedItems, insertedItems } = changes;
  const updated = updatedItems.map(({ item }) => itemKey(item.runId, item.item));
  const written = new Set([...updated, ...insertedItems.map(({ item }) => itemKey(item.runId, item.item))]);
  const guarded = new Set(held.items.map(({ runId, item }) => itemKey(runId, item)));
  const rows: KnownItem[] = [];
  for (const [key, item] of known.items) {
    if (!written.has(key) && (item.isRecalled || guarded.has(key))) rows.push(item);
  }
  const offered = updated.flatMap((key) => {
    const item = known.items.get(key);
    return item?.isOffered === true ? [item] : [];
  });
  return [...lockStatement(statements, TAKE_OFFERED, offered), ...lockStatement(statements, HOLD_ITEMS, rows)];
}

function lockStatement(statements: Statements, text: string, rows: readonly KnownItem[]): Statement[] {
  if (rows.length === 0) return [];
  return [statements.of(text, [listOf(rows.map(({ place }) => place)), listOf(rows.map(({ version }) => version))])];
}

export function writeItems(
  { statements, ns, lanes, recent }: StoreParts,
  changes: Changes,
  known: StepRows,
): readonly Write[] {
  const { updatedItems, insertedItems, inputs, memos, now } = changes;
  const written: Write[] = [];
  if (updatedItems.length > 0) {
    const rows = updatedItems.map((row) => {
      const { place, version } = knownItem(known, row.item.runId, row.item.item);
      return [place, version, ...changingCells(row, bandOf(row.item.priority), now)];
    });
    const settle = (row: SqlRow): void => keepUpdated(recent, updatedItems, known, row);
    written.push({ statement: statements.of(UPDATE_ITEMS, rowParameters(UPDATED, rows)), settle });
  }
  const inserted = insertedItems.map((row) => {
    const run = knownRun(known, row.item.runId).id;
    const lane = lanes.laneOf(row.item, row.definition);
    if (lane === undefined) throw new MillraceError("INTERNAL", "an item was made before its lane");
    return [...stayingCells(run, lane, row.item, row.payload), ...changingCells(row, lane.band, now), false];
  });
  const others = [...INSERT_ITEMS.of(statements, ns, inserted)];
  if (inputs.length > 0) {
    const rows = inputs.map(({ runId, item, input }) => [knownRun(known, runId).id, item, input]);
    others.push(statements.of(PUT_INPUTS, rowParameters(INPUTS, rows)));
  }
  if (memos.length > 0) {
    const rows = memos.map(({ runId, item, name, value }) => {
      return [knownRun(known, runId).id, item, digest(name), toStoredText(name), value];
    });
    others.push(...INSERT_MEMOS.of(statements, ns, rows));
    others.push(statements.of(NOTE_MEMOS, rowParameters(KEYS, rows)));
  }
  if (known.damaged.length > 0) {
    const rows = known.damaged.map(({ run, number }) => [run, number]);
    others.push(statements.of(SET_APART, rowParameters(KEYS, rows)));
  }
  // What is written to a row besides makes another version of it.
  const settle = (): void => {
    for (const { runId, item } of [...inputs, ...memos]) recent.items.forget(itemKey(runId, item));
  };
  return [...written, ...others.map((statement) => ({ statement, settle }))];
}

/** Remembers items in progress: their attempts are committed next. */
function keepUpdated(recent: RecentRows, updatedItems: Changes["updatedItems"], known: StepRows, row: SqlRow): void {
  const { places, version } = readPlaces(row);
  for (const [at, { item, placement, definition }] of updatedItems.entries()) {
    const place = places[at];
    const key = itemKey(item.runId, item.item);
    const { hasMemos } = knownItem(known, item.runId, item.item);
    if (place === undefined || item.status !== "in_progress") recent.items.forget(key);
    else recent.items.keep(key, { item, placement, definition, hasMemos, place, version });
  }
}

export function writeBranches(statements: Statements, ns: number, changes: Changes, known: StepRows): Statement[] {
  const run = (runId: string): number => knownRun(known, runId).id;
  const arrivals = changes.arrivals.map(({ runId, group, join, path, commit, index, from, node, value }) => {
    return [run(runId), group, toStoredText(join), toStoredText(path), commit, index, from, toStoredText(node), value];
  });
  const outputs = changes.outputs.map(({ runId, output: { path, commit, index, from, value } }) => {
    return [run(runId), toStoredText(path), commit, index, from, value];
  });
  const progress = lastOfEach(changes.progress, (entry) => itemKey(entry.runId, entry.progress.item)).map(
    ({ runId, progress: { item, epoch, at, details } }) => [run(runId), item, epoch, at, details],
  );
  return [
    ...PUT_GROUPS.of(
      statements,
      ns,
      changes.groups.map((group) => groupCells(run(group.runId), group)),
    ),
    ...INSERT_ARRIVALS.of(statements, ns, arrivals),
    ...INSERT_OUTPUTS.of(statements, ns, outputs),
    ...PUT_PROGRESS.of(statements, ns, progress),
  ];
}

function knownItem(known: StepRows, runId: string, item: number): KnownItem {
  const row = known.item(runId, item);
  if (row === undefined) throw new MillraceError("INTERNAL", `a step wrote item ${item} of run ${runId} without it`);
  return row;
}
