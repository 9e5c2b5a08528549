/** Lists of work items, by run, then number. A page looks at a bounded number of rows, and may then have fewer than it could. */

import type { Page, PageRequest } from "../contract/run.ts";
import type { ItemFilter, WorkItem } from "../contract/work-item.ts";
import { decodeCursor, pageLimit } from "../synchronous/paging.ts";
import { readItem } from "./item-row.ts";
import { fromKeyText, keyText, RUN_FIELDS } from "./keys.ts";
import { type ListPart, mergedPage, type Placed, type Position, upwards } from "./merged-page.ts";
import type { Partition } from "./partition.ts";
import type { PartitionMap } from "./partition-map.ts";
import { listOf, optionalBytes, textOf } from "./reply.ts";
import { readState } from "./run-row.ts";

const ITEMS = "work items";
/** Rows that one page looks at in a partition. */
const MOST_LOOKED_AT = 20_000;
const WINDOW = 250;
const RUNS_AT_ONCE = 64;

interface Place {
  readonly runId: string;
  readonly item: number;
}

export async function listItems(map: PartitionMap, filter: ItemFilter, page: PageRequest): Promise<Page<WorkItem>> {
  const limit = pageLimit(page);
  const [runId, item] = decodeCursor(ITEMS, page.cursor, ["string", "number"]) ?? [];
  const after = runId === undefined || item === undefined ? undefined : { runId, item };
  const partitions = filter.runId === undefined ? map.all : [map.of(filter.runId)];
  const parts = await Promise.all(
    partitions.map((partition) => new ItemWalk(partition, filter, limit + 1).from(after)),
  );
  return mergedPage(ITEMS, parts, limit, upwards);
}

class ItemWalk {
  readonly #partition: Partition;
  readonly #filter: ItemFilter;
  readonly #wanted: number;
  readonly #found: Placed<WorkItem>[] = [];
  #lookedAt = 0;
  #end: Position | undefined;

  constructor(partition: Partition, filter: ItemFilter, wanted: number) {
    this.#partition = partition;
    this.#filter = filter;
    this.#wanted = wanted;
  }

  async from(after: Place | undefined): Promise<ListPart<WorkItem>> {
    const { runId } = this.#filter;
    if (runId !== undefined) await this.#run(runId, after?.runId === runId ? after.item + 1 : 0);
    else await this.#allRuns(after);
    return { entries: this.#found, end: this.#end };
  }

  async #allRuns(after: Place | undefined): Promise<void> {
    const { reads, keys } = this.#partition;
    if (after !== undefined && !(await this.#run(after.runId, after.item + 1))) return;
    let from = after === undefined ? "-" : `(${keyText(after.runId)}`;
    for (;;) {
      const reply = await reads.one("ZRANGEBYLEX", keys.ids, from, "+", "LIMIT", "0", String(RUNS_AT_ONCE));
      const runs = listOf(reply).map(textOf);
      for (const member of runs) if (!(await this.#run(fromKeyText(member), 0))) return;
      if (runs.length < RUNS_AT_ONCE) return;
      from = `(${runs.at(-1) ?? ""}`;
    }
  }

  /** Looks through a run; whether to go on behind it. */
  async #run(runId: string, first: number): Promise<boolean> {
    const { reads, keys } = this.#partition;
    const key = keys.run(runId);
    for (let from = first; ; from += WINDOW) {
      const fields = Array.from({ length: WINDOW }, (_, at) => RUN_FIELDS.item(from + at));
      const [stored, ...rows] = listOf(await reads.one("HMGET", key, RUN_FIELDS.state, ...fields));
      const state = optionalBytes(stored);
      if (state === undefined) return true;
      const { items } = readState(runId, state);
      for (const [at, reply] of rows.entries()) {
        const row = optionalBytes(reply);
        if (row !== undefined && !this.#look(readItem(runId, from + at, row).item)) return false;
      }
      if (from + WINDOW >= items) return true;
    }
  }

  /** Whether to go on behind the item. */
  #look(item: WorkItem): boolean {
    const position = [item.runId, item.item];
    if (matches(item, this.#filter)) this.#found.push({ position, entry: item });
    this.#lookedAt += 1;
    if (this.#found.length < this.#wanted && this.#lookedAt < MOST_LOOKED_AT) return true;
    this.#end = position;
    return false;
  }
}

function matches(item: WorkItem, { status, node, session, changedAfter }: ItemFilter): boolean {
  return (
    (status === undefined || status.includes(item.status)) &&
    (node === undefined || node === item.node) &&
    (session === undefined || session === item.session) &&
    (changedAfter === undefined || item.commit > changedAfter)
  );
}
