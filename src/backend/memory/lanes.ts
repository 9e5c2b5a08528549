/**
 * What claims are addressed to, in memory: the ready items of each queue, definition and set of labels, by rank. A claim
 * looks up its own lanes and no others. Lanes are never removed: there are as many as were ever used.
 */

import type { LaneBacklog } from "../contract/records.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { LaneSelection } from "../synchronous/row-store.ts";
import { compareKeys, type IndexEntry, type IndexKey, type Lane } from "./item-row.ts";
import type { Journal } from "./journal.ts";
import { OrderedRows } from "./ordered-rows.ts";
import { take } from "./row-page.ts";

export class LaneTable {
  readonly #journal: Journal;
  /** By queue, then definition. */
  readonly #lanes = new Map<string, Map<string, Lane[]>>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** The lane of an item, made when it is the first of it. */
  of({ queue, labels }: Pick<WorkItem, "queue" | "labels">, definition: string): Lane {
    const byDefinition = this.#lanes.get(queue) ?? new Map<string, Lane[]>();
    const lanes = byDefinition.get(definition) ?? [];
    const found = lanes.find((lane) => isEqual(lane.labels, labels));
    if (found !== undefined) return found;
    const indexes = () => new OrderedRows<IndexKey, IndexEntry>(this.#journal, compareKeys);
    const lane: Lane = { queue, definition, labels: [...labels], ready: indexes(), stalled: indexes() };
    this.#lanes.set(queue, byDefinition.set(definition, [...lanes, lane]));
    return lane;
  }

  /** In rank order over all lanes that are selected. */
  ready(selection: LaneSelection, stalled: boolean, limit: number): readonly WorkItem[] {
    const labels = new Set(selection.labels);
    const found: (readonly IndexEntry[])[] = [];
    for (const lane of this.#selected(selection)) {
      const index = stalled ? lane.stalled : lane.ready;
      if (index.size > 0 && lane.labels.every((label) => labels.has(label))) {
        found.push(take(index.ascending(), limit, () => true));
      }
    }
    const [only = []] = found;
    const entries = found.length <= 1 ? only : found.flat().sort(compareKeys).slice(0, limit);
    return entries.map((entry) => entry.row.item);
  }

  backlog(): readonly LaneBacklog[] {
    const lanes = [...this.#lanes.values()].flatMap((byDefinition) => [...byDefinition.values()].flat());
    return lanes.flatMap(backlogOf);
  }

  /** Walks whichever is shorter: the definitions that are asked for, or those that the queue has. */
  *#selected({ queues, definitions }: LaneSelection): Generator<Lane, undefined> {
    const wanted = new Set(definitions);
    for (const queue of new Set(queues)) {
      const byDefinition = this.#lanes.get(queue);
      if (byDefinition === undefined) continue;
      const walked = wanted.size <= byDefinition.size ? wanted : byDefinition.keys();
      for (const definition of walked) if (wanted.has(definition)) yield* byDefinition.get(definition) ?? [];
    }
  }
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((label, at) => label === b[at]);
}

function backlogOf({ queue, definition, labels, ready, stalled }: Lane): readonly LaneBacklog[] {
  const entries = [...ready.ascending(), ...stalled.ascending()];
  if (entries.length === 0) return [];
  const oldestReadyAt = entries.reduce(
    (oldest, { row }) => Math.min(oldest, row.item.readyAt),
    Number.POSITIVE_INFINITY,
  );
  return [{ queue, definition, labels, ready: entries.length, oldestReadyAt }];
}
