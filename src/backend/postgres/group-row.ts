/** A branch group as a row, and back: its joins and what has arrived at them are JSON, everything else has a column. */

import type { BranchGroup, JoinTemplate } from "../contract/work-item.ts";
import { parseStored, toStoredText } from "../sql/stored-text.ts";
import type { SqlRow } from "./driver.ts";
import type { Cell, Columns } from "./parameters.ts";
import {
  booleanAt,
  damaged,
  isObject,
  isStrings,
  numberAt,
  objectAt,
  optionalNumberAt,
  plainTextAt,
  textAt,
} from "./row-values.ts";

/** In the order of `groupCells`. */
export const GROUP: Columns = [
  ["run", "bigint"],
  ["number", "integer"],
  ["fan_out", "text"],
  ["parent", "integer"],
  ["place_in_emission", "bigint"],
  ["path", "text"],
  ["depth", "integer"],
  ["open", "integer"],
  ["joins", "text"],
  ["arrived", "text"],
  ["done", "boolean"],
];

export const GROUP_COLUMNS: string = GROUP.map(([name]) => `branch_group.${name}`).join(", ");

export function groupCells(run: number, group: BranchGroup): Cell[] {
  return [
    run,
    group.group,
    toStoredText(group.fanOut),
    group.parent ?? null,
    group.index,
    toStoredText(group.path),
    group.depth,
    group.open,
    JSON.stringify(group.joins),
    JSON.stringify(group.arrived),
    group.done,
  ];
}

export function readGroup(row: SqlRow, runId: string): BranchGroup {
  return {
    runId,
    group: numberAt(row, 1),
    fanOut: textAt(row, 2),
    parent: optionalNumberAt(row, 3),
    index: numberAt(row, 4),
    path: textAt(row, 5),
    depth: numberAt(row, 6),
    open: numberAt(row, 7),
    joins: readJoins(plainTextAt(row, 8)),
    arrived: readArrived(objectAt(row, 9)),
    done: booleanAt(row, 10),
  };
}

function readArrived(stored: Readonly<Record<string, unknown>>): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(stored).map(([join, count]) => [join, typeof count === "number" ? count : 0]),
  );
}

function readJoins(stored: string): readonly JoinTemplate[] {
  const joins = parseStored(stored);
  if (!Array.isArray(joins) || !joins.every(isJoin)) throw damaged("a group whose joins are not readable");
  return joins;
}

function isJoin(join: unknown): join is JoinTemplate {
  return (
    isObject(join) &&
    typeof join.node === "string" &&
    typeof join.queue === "string" &&
    isStrings(join.labels) &&
    isStrings(join.keys) &&
    typeof join.priority === "number" &&
    typeof join.timeoutMs === "number"
  );
}
