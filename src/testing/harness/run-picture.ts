/**
 * What a run came to, in a form in which two runs of the same workflow can be compared: its end, its output, its context
 * and its items, without what differs between any two runs (ids, times, workers). What has no order is put into one.
 * Invariant: runs that differ in nothing but when things happened have the same picture.
 */

import { inspect, isDeepStrictEqual } from "node:util";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { Workflow, WorkflowTypes } from "../../index.ts";
import type { TestRun } from "./test-run.ts";

/** Parts of a run by what they are called in messages; compared in this order. */
export type RunPicture = ReadonlyMap<string, unknown>;

/** A part that differs. */
export interface PictureDifference {
  readonly what: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** Takes the picture of a run that has ended. `ignored`: context fields that may be anything. */
export async function pictureOf<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  run: TestRun<T>,
  operations: BackendOperations,
  ignored: readonly string[],
): Promise<RunPicture> {
  const items = await allItems(operations, run.id);
  const status = await run.status();
  const failure = await run.failure();
  const picture = new Map<string, unknown>([["the status", status]]);
  const { code, message, node } = failure ?? {};
  picture.set("the failure", failure && { code, message, node });
  picture.set("the output", status === "completed" ? await run.output() : undefined);
  const values = (await run.context()).toJSON();
  for (const { name, kind } of workflow.definition.context.fields) {
    if (!ignored.includes(name)) picture.set(`the context field "${name}"`, fieldPicture(kind, values[name], items));
  }
  // The first output decides which of the others are cut off, and when.
  if (workflow.definition.completion !== "first" && isTerminalRun(status)) {
    picture.set("the set of committed items", itemsPicture(items));
  }
  return picture;
}

/** The first part in which two pictures differ. */
export function differenceOf(expected: RunPicture, actual: RunPicture): PictureDifference | undefined {
  for (const what of new Set([...expected.keys(), ...actual.keys()])) {
    const [left, right] = [expected.get(what), actual.get(what)];
    if (!isDeepStrictEqual(left, right)) return { what, ...apart(left, right) };
  }
  return undefined;
}

/** Of two long lists only what the other lacks is worth showing. */
function apart(left: unknown, right: unknown): { readonly expected: unknown; readonly actual: unknown } {
  if (!Array.isArray(left) || !Array.isArray(right) || left.length + right.length < 20) {
    return { expected: left, actual: right };
  }
  return { expected: without(left, right), actual: without(right, left) };
}

function without(list: readonly unknown[], other: readonly unknown[]): readonly unknown[] {
  const rest = [...other];
  const missing = list.filter((one) => {
    const at = rest.findIndex((candidate) => isDeepStrictEqual(candidate, one));
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  return missing.length === 0 ? list : missing;
}

/** Sets have no order; logs have one where no two items could be committed in either order. */
function fieldPicture(kind: string, value: unknown, items: readonly WorkItem[]): unknown {
  const isFree = kind === "set" || (kind === "eventLog" && !isLine(items));
  return isFree && Array.isArray(value) ? sorted(value) : value;
}

/** Whether every item was followed by one at most. */
function isLine(items: readonly WorkItem[]): boolean {
  const origins = items.map(({ from }) => from);
  return new Set(origins).size === origins.length;
}

/**
 * Items by their way from the start, since their numbers depend on what was committed first. Where items hold, it also
 * depends on that which of them goes on; so then they are only counted.
 */
function itemsPicture(items: readonly WorkItem[]): readonly unknown[] {
  const counted = items.some(({ status }) => status === "held");
  const byNumber = new Map(items.map((item) => [item.item, item]));
  const ways = new Map<number, string>();
  const wayOf = (number: number): string => {
    const known = ways.get(number);
    if (known !== undefined) return known;
    const item = byNumber.get(number);
    if (item === undefined) return "?";
    const origin = item.joins ?? item.from;
    const place = item.index === 0 ? item.node : `${item.node}[${item.index}]`;
    const way = origin === undefined ? place : `${wayOf(origin)} > ${item.joins === undefined ? place : item.node}`;
    ways.set(number, way);
    return way;
  };
  return sorted(
    items.map(({ item, node, status, attempts }) => {
      const failed = attempts === 0 ? "" : ` after ${attempts} failed`;
      return `${counted ? node : wayOf(item)}: ${status}${failed}`;
    }),
  );
}

function sorted(values: readonly unknown[]): readonly unknown[] {
  const keyed = values.map((value) => ({
    value,
    key: inspect(value, { depth: 12, sorted: true, maxArrayLength: null }),
  }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ value }) => value);
}

async function allItems(operations: BackendOperations, runId: string): Promise<readonly WorkItem[]> {
  const items: WorkItem[] = [];
  let cursor: string | undefined;
  do {
    const page = await operations.read.items({ runId }, { cursor });
    items.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items;
}
