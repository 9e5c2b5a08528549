/**
 * The figures of a run, from its items and its custom measurements. Pure and fed one record at a time, so that a run of
 * any size is summed up without holding it. Times are of the last attempt of each item: waiting from ready to claimed,
 * running from claimed to committed.
 */

import type { MetricEntry } from "../backend/contract/records.ts";
import type { RunState } from "../backend/contract/run.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { countersOf, type RunCounters } from "../stores/metrics.ts";

/** The spread of some numbers. Times are in milliseconds. */
export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  /** The smallest number that at least 95 of 100 are not greater than. */
  readonly p95: number;
  readonly max: number;
}

/** What became of the items of one node. */
export interface NodeMetrics {
  /** Items made for it. */
  readonly count: number;
  /** From ready to claimed; absent before the first claim. */
  readonly waitingMs: Distribution | undefined;
  /** From claimed to committed; absent before the first commit. */
  readonly runningMs: Distribution | undefined;
}

/** The figures of a run. */
export interface RunMetrics extends RunCounters {
  /** From start to end, or until now for an open run. */
  readonly durationMs: number;
  /** By name. */
  readonly nodes: Readonly<Record<string, NodeMetrics>>;
  /** What nodes measured with `metric(name, value)`, by name. */
  readonly custom: Readonly<Record<string, Distribution & { readonly sum: number }>>;
}

/** Gathers records and gives the figures. */
export interface MetricsGatherer {
  addItem(item: WorkItem): void;
  addMetric(metric: MetricEntry): void;
  /** The figures of what was added; `now` is the backend's. */
  result(run: RunState, now: number): RunMetrics;
}

/** Starts with nothing. */
export function gatherMetrics(): MetricsGatherer {
  const nodes = new Map<string, { count: number; waiting: number[]; running: number[] }>();
  const custom = new Map<string, number[]>();

  return {
    addItem({ node, waitedMs, ranMs }) {
      const known = nodes.get(node) ?? { count: 0, waiting: [], running: [] };
      known.count += 1;
      if (waitedMs !== undefined) known.waiting.push(waitedMs);
      if (ranMs !== undefined) known.running.push(ranMs);
      nodes.set(node, known);
    },
    addMetric({ name, value }) {
      const known = custom.get(name);
      if (known === undefined) custom.set(name, [value]);
      else known.push(value);
    },
    result(run, now) {
      return {
        ...countersOf(run),
        durationMs: Math.max(0, (run.finishedAt ?? now) - run.createdAt),
        nodes: sortedRecord(nodes, ({ count, waiting, running }) => ({
          count,
          waitingMs: distributionOf(waiting),
          runningMs: distributionOf(running),
        })),
        custom: sortedRecord(custom, (values) => ({ ...spreadOf(values), sum: sumOf(values) })),
      };
    },
  };
}

/** The spread of some numbers; `undefined` of none. */
export function distributionOf(values: readonly number[]): Distribution | undefined {
  return values.length === 0 ? undefined : spreadOf(values);
}

function spreadOf(values: readonly number[]): Distribution {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  return {
    count,
    min: sorted[0] ?? 0,
    mean: count === 0 ? 0 : sumOf(sorted) / count,
    p95: sorted[Math.max(0, Math.ceil(count * 0.95) - 1)] ?? 0,
    max: sorted[count - 1] ?? 0,
  };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function sortedRecord<A, B>(map: ReadonlyMap<string, A>, turn: (entry: A) => B): Readonly<Record<string, B>> {
  const entries = [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  // fromEntries and not assignment: a name may be anything, "__proto__" included.
  return Object.fromEntries(entries.map(([name, entry]) => [name, turn(entry)]));
}
