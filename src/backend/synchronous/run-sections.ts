/**
 * The rows of a run, section by section, as far as they fit into one part. Each section goes on from a position of its own
 * and gives the one where the next part begins, or none when it is through. Invariant: a part that is empty takes at least
 * one row, however large, so that every run comes to its end.
 */

import { Buffer } from "node:buffer";
import { type FailureRecord, MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import type { Page, PageRequest, RunState } from "../contract/run.ts";
import type { MemoRow, RunRows } from "../contract/transfer.ts";
import type { BranchGroup, ItemPayload, WorkItem } from "../contract/work-item.ts";
import { releasedItem } from "../rules/item-row.ts";
import { decodeCursor, encodeCursor } from "./paging.ts";
import type { RowStore } from "./row-store.ts";

/** Where a section goes on: "" for its beginning. */
type Position = string;

/** What is being walked, and what of it fits into this part. */
interface Walk {
  readonly store: RowStore;
  readonly run: RunState;
  readonly part: PartRows;
  /** Nodes that have opened groups, as far as items have been walked. */
  readonly fanOuts: Set<string>;
}

type Section = (walk: Walk, from: Position) => Position | undefined;

/** The rows of one part while it is filled. */
export class PartRows {
  readonly rows = {
    items: [] as RunRows["items"][number][],
    memos: [] as MemoRow[],
    groups: [] as BranchGroup[],
    arrivals: [] as RunRows["arrivals"][number][],
    outputs: [] as RunRows["outputs"][number][],
    deltas: [] as RunRows["deltas"][number][],
    failures: [] as RunRows["failures"][number][],
    metrics: [] as RunRows["metrics"][number][],
    logs: [] as RunRows["logs"][number][],
    audit: [] as RunRows["audit"][number][],
  } satisfies RunRows;
  #left: number = LIMITS.transferRows;
  #bytesLeft: number = LIMITS.transferBytes;

  /** Rows that fit still. */
  get left(): number {
    return this.#bytesLeft > 0 ? this.#left : 0;
  }

  /** Whether a row of about this size fits; if so, its room is taken. */
  takes(bytes: number): boolean {
    const fits = this.left > 0 && (bytes + ROW_BYTES <= this.#bytesLeft || this.#left === LIMITS.transferRows);
    if (!fits) return false;
    this.#left -= 1;
    this.#bytesLeft -= bytes + ROW_BYTES;
    return true;
  }
}

/** In the order in which they are imported. */
export const SECTIONS: readonly Section[] = [
  items,
  arrivals,
  ({ store, run, part }, from) =>
    list(
      part,
      from,
      (page) => store.outputs(run.id, page),
      sizeOfValue,
      (row) => part.rows.outputs.push(row),
    ),
  deltas,
  ({ store, run, part }, from) =>
    list(
      part,
      from,
      (page) => store.failures({ runId: run.id }, page),
      ({ failure }) => sizeOfFailure(failure),
      (row) => part.rows.failures.push(row),
    ),
  ({ store, run, part }, from) =>
    list(
      part,
      from,
      (page) => store.metrics(run.id, page),
      () => 0,
      (row) => part.rows.metrics.push(row),
    ),
  ({ store, run, part }, from) =>
    list(
      part,
      from,
      (page) => store.logs({ runId: run.id }, page),
      ({ message, data }) => Buffer.byteLength(message) + Buffer.byteLength(data ?? ""),
      (row) => part.rows.logs.push(row),
    ),
  ({ store, run, part }, from) =>
    list(
      part,
      from,
      (page) => store.audit(run.id, page),
      ({ detail }) => Buffer.byteLength(detail),
      (row) => part.rows.audit.push(row),
    ),
];

/** What a row has beside its payload, about. */
const ROW_BYTES = 256;
/** Items whose payloads are read at once. */
const ITEMS_AT_ONCE = 64;
const ARRIVALS = "arrivals of a run";

interface WholeItem {
  readonly item: WorkItem;
  readonly payload: ItemPayload;
  readonly memos: readonly MemoRow[];
  /** The group that it opened. */
  readonly group: BranchGroup | undefined;
}

function items({ store, run, part, fanOuts }: Walk, from: Position): Position | undefined {
  const read = (page: PageRequest): Page<WholeItem> => {
    const found = store.items({ runId: run.id }, { ...page, limit: Math.min(page.limit ?? 1, ITEMS_AT_ONCE) });
    const lookups = new Lookups();
    const entries = found.entries.flatMap((item) => lookups.try(() => wholeItem(store, item)) ?? []);
    lookups.end();
    return { ...found, entries };
  };
  return list(part, from, read, sizeOfItem, ({ item, payload, memos, group }) => {
    part.rows.items.push({ item, payload });
    part.rows.memos.push(...memos);
    if (group === undefined) return;
    part.rows.groups.push(group);
    fanOuts.add(item.node);
  });
}

function wholeItem(store: RowStore, item: WorkItem): WholeItem {
  const { runId, item: number } = item;
  const lookups = new Lookups();
  const payload = lookups.try(() => store.payload(runId, number));
  const memos = lookups.try(() => store.memos(runId, number)) ?? [];
  // A group is opened by the commit that completes its opener, and has its number.
  const group = item.status === "completed" ? lookups.try(() => store.group(runId, number)) : undefined;
  lookups.end();
  const released = item.status === "in_progress" ? releasedItem(item) : item;
  return {
    item: { ...released, session: undefined },
    payload: payload ?? { input: undefined, failure: undefined },
    memos: [...memos].map(([name, value]) => ({ item: number, name, value })),
    group,
  };
}

/** By group, then join, in branch order. Openers are looked for one by one, and not again where a part ends within a group. */
function arrivals(walk: Walk, from: Position): Position | undefined {
  const { store, run, part } = walk;
  const nodes = [...walk.fanOuts];
  let openers: Openers | undefined = { node: 0, cursor: "" };
  let [group, join, position] = [NONE, 0, ""];
  if (from !== "") {
    const [node, cursor, number, ...within] = decodeCursor(ARRIVALS, from, ARRIVALS_POSITION) ?? [0, "", NONE, 0, ""];
    openers = node < 0 ? undefined : { node, cursor };
    group = number;
    [join, position] = within;
  }
  for (;;) {
    if (group === NONE) {
      if (openers === undefined) return undefined;
      const found = nextOpener(walk, nodes, openers);
      if (found === undefined) return undefined;
      [group, join, position, openers] = [found.item, 0, "", found.rest];
    }
    const opened = store.group(run.id, group);
    const joins = opened === undefined ? [] : joinsOf(opened);
    for (; join < joins.length; join += 1, position = "") {
      const read = (page: PageRequest) => store.arrivals(run.id, group, joins[join] ?? "", page);
      const next = list(part, position, read, sizeOfValue, (row) => part.rows.arrivals.push(row));
      if (next === undefined) continue;
      return encodeCursor(ARRIVALS, [openers?.node ?? NONE, openers?.cursor ?? "", group, join, next]);
    }
    group = NONE;
  }
}

/** Where the next item is looked for that may have opened a group: which node, and after which of its items. */
interface Openers {
  readonly node: number;
  readonly cursor: string;
}

const NONE = -1;
const ARRIVALS_POSITION = ["number", "string", "number", "number", "string"] as const;

function nextOpener(
  { store, run }: Walk,
  nodes: readonly string[],
  { node, cursor }: Openers,
): { readonly item: number; readonly rest: Openers | undefined } | undefined {
  for (let at = node, after = cursor; at < nodes.length; at += 1, after = "") {
    const found = store.items({ runId: run.id, node: nodes[at] }, { limit: 1, cursor: cursorOf(after) });
    const [item] = found.entries;
    if (item === undefined) continue;
    const rest = found.cursor !== undefined ? { node: at, cursor: found.cursor } : { node: at + 1, cursor: "" };
    return { item: item.item, rest: rest.node < nodes.length ? rest : undefined };
  }
  return undefined;
}

/** Those that wait, and those that anything has arrived at. */
function joinsOf({ joins, arrived }: BranchGroup): readonly string[] {
  return [...new Set([...joins.map(({ node }) => node), ...Object.keys(arrived)])];
}

function deltas({ store, run, part }: Walk, from: Position): Position | undefined {
  let after = Number(from);
  while (after < run.sequence) {
    if (part.left === 0) return String(after);
    const upTo = Math.min(run.sequence, after + part.left);
    const found = store.deltasAfter(run.id, after, upTo, LIMITS.transferBytes);
    if (found.length === 0)
      throw new MillraceError("BACKEND_CORRUPT", `delta ${after + 1} of run ${run.id} is missing`);
    for (const delta of found) {
      if (!part.takes(delta.delta.byteLength)) return String(after);
      part.rows.deltas.push(delta);
      after = delta.sequence;
    }
  }
  return undefined;
}

/** Puts rows of a list into the part, from a position on. */
function list<T>(
  part: PartRows,
  from: Position,
  read: (page: PageRequest) => Page<T>,
  sizeOf: (row: T) => number,
  put: (row: T) => void,
): Position | undefined {
  let position = from;
  while (part.left > 0) {
    const page = read({ limit: part.left, cursor: cursorOf(position) });
    let taken = 0;
    for (const row of page.entries) {
      if (!part.takes(sizeOf(row))) break;
      put(row);
      taken += 1;
    }
    // Where a page is left in its middle, only a page that ends there has the cursor for it.
    if (taken < page.entries.length)
      return taken === 0 ? position : (read({ limit: taken, cursor: cursorOf(position) }).cursor ?? "");
    if (page.cursor === undefined) return undefined;
    position = page.cursor;
  }
  return position;
}

function cursorOf(position: Position): string | undefined {
  return position === "" ? undefined : position;
}

/**
 * Lookups that are all made before the first of them that threw ends the step: a store that has to fetch what it is
 * asked for learns of everything that is needed before it is asked again.
 */
class Lookups {
  readonly #thrown: unknown[] = [];

  /** What was found; `undefined` where it threw. */
  try<T>(lookup: () => T): T | undefined {
    try {
      return lookup();
    } catch (error) {
      this.#thrown.push(error);
      return undefined;
    }
  }

  end(): void {
    if (this.#thrown.length > 0) throw this.#thrown[0];
  }
}

function sizeOfItem({ item, payload, memos }: WholeItem): number {
  const values = memos.reduce((sum, { name, value }) => sum + name.length + value.byteLength, 0);
  const failure = item.failure === undefined ? 0 : sizeOfFailure(item.failure);
  return (payload.input?.byteLength ?? 0) + (payload.failure?.byteLength ?? 0) + values + failure;
}

function sizeOfValue({ value }: { readonly value: Uint8Array }): number {
  return value.byteLength;
}

/** Details are bounded where they are recorded. */
function sizeOfFailure({ message, stack, details }: FailureRecord): number {
  return message.length + (stack?.length ?? 0) + (details === undefined ? 0 : 1_024);
}
