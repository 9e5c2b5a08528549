/** Looks at the rows of an in-process backend from behind: all of a run's at once, and where each item lies in the indexes. */

import type { RunRows } from "../../src/backend/rules/invariants.ts";
import type { RowStore } from "../../src/backend/synchronous/row-store.ts";
import { DEFINITION } from "./engine.ts";

const ALL = { limit: Number.MAX_SAFE_INTEGER };
const EVERY_LANE = { queues: ["default"], definitions: [DEFINITION], labels: [] };

export function rowsOf(store: RowStore, runId: string): RunRows {
  const run = store.runState(runId);
  if (run === undefined) throw new Error(`there is no run ${runId}`);
  const items = store.items({ runId }, ALL).entries;
  const groups = items.flatMap(({ item }) => store.group(runId, item) ?? []);
  const arrivals = groups.flatMap((group) =>
    group.joins.flatMap(({ node }) => store.arrivals(runId, group.group, node, ALL).entries),
  );
  return { run, items, groups, arrivals, deltas: store.deltasAfter(runId, 0, run.sequence, Number.MAX_SAFE_INTEGER) };
}

/** In which indexes each item lies, by public id. */
export function placesOf(store: RowStore, runIds: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const places = new Map<string, string[]>();
  const found = [
    ...[false, true].flatMap((stalled) =>
      store
        .ready(EVERY_LANE, stalled, Number.MAX_SAFE_INTEGER)
        .map((item) => ({ item, place: stalled ? "stalled" : "ready" })),
    ),
    ...store.due(Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER).map((item) => ({ item, place: "due" })),
    ...runIds.flatMap((runId) => store.aside(runId).map((item) => ({ item, place: "aside" }))),
  ];
  for (const { item, place } of found) {
    const id = `${item.runId}.${item.item}`;
    places.set(id, [...(places.get(id) ?? []), place]);
  }
  return places;
}
