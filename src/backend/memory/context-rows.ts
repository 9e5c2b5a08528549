/** Deltas, snapshots, step results and progress in memory. Deltas are a dense list, so that the sequence of one is its place in it. */

import type { DeltaRecord } from "../contract/records.ts";
import type { RowStore } from "../synchronous/row-store.ts";
import type { Journal } from "./journal.ts";
import { copyOf } from "./row-page.ts";
import type { RunTable } from "./run-rows.ts";

type ContextMethods = Pick<
  RowStore,
  "insertDelta" | "deltasAfter" | "snapshot" | "putSnapshot" | "memos" | "insertMemo" | "putProgress" | "progress"
>;

export function contextRows(journal: Journal, runs: RunTable): ContextMethods {
  return {
    insertDelta(runId, delta) {
      const run = runs.get(runId);
      if (run !== undefined) journal.append(run.deltas, { ...delta, delta: copyOf(delta.delta) });
    },
    deltasAfter: (runId, after, upTo, maxBytes) =>
      cut(runs.get(runId)?.deltas.slice(Math.max(0, after), upTo) ?? [], maxBytes),
    snapshot(runId, shape, upTo) {
      const found = runs.get(runId)?.snapshots.get(shape);
      return found === undefined || found.sequence > upTo ? undefined : { ...found, bytes: copyOf(found.bytes) };
    },
    putSnapshot(runId, shape, sequence, bytes) {
      const run = runs.get(runId);
      if (run !== undefined) journal.set(run.snapshots, shape, { sequence, bytes: copyOf(bytes) });
    },
    memos(runId, item) {
      return new Map([...(runs.get(runId)?.memos.get(item) ?? [])].map(([name, value]) => [name, copyOf(value)]));
    },
    insertMemo(runId, item, name, value) {
      const run = runs.get(runId);
      if (run === undefined) return;
      const memos = run.memos.get(item) ?? new Map<string, Uint8Array>();
      if (memos.size === 0) journal.set(run.memos, item, memos);
      if (!memos.has(name)) journal.set(memos, name, copyOf(value));
    },
    putProgress(runId, progress) {
      const run = runs.get(runId);
      if (run !== undefined) {
        journal.set(run.progress, progress.item, { ...progress, details: copyOf(progress.details) });
      }
    },
    progress(runId, items) {
      const run = runs.get(runId);
      const found = items.flatMap((item) => run?.progress.get(item) ?? []);
      return found.map((record) => ({ ...record, details: copyOf(record.details) }));
    },
  };
}

/** Deltas are dense from 1, so that their place in the list is their sequence; at least one is given. */
function cut(deltas: readonly DeltaRecord[], maxBytes: number): readonly DeltaRecord[] {
  const given: DeltaRecord[] = [];
  let bytes = 0;
  for (const delta of deltas) {
    bytes += delta.delta.byteLength;
    if (given.length > 0 && bytes > maxBytes) break;
    given.push({ ...delta, delta: copyOf(delta.delta) });
  }
  return given;
}
