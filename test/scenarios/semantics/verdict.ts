/**
 * Compares what came of a run with what a scenario expects, through the public API alone. Everything that is expected is
 * looked at in one go, so that a failure shows the run as a whole.
 */

import { expect } from "vitest";
import type { DistributedOrchestrator, RunHandle, RunInfo } from "../../../src/index.ts";
import { all } from "../harness/run-invariants.ts";
import { type Expected, isAnyOrder } from "./scenario.ts";

type Seen = Readonly<Record<string, unknown>>;

/** Waits for the end of the run, then compares. */
export async function judge(
  orchestrator: DistributedOrchestrator,
  handle: RunHandle,
  expected: Expected,
): Promise<void> {
  const run = await orchestrator.waitForCompletion(handle.id, { timeout: "60s" });
  const status = expected.failure === undefined ? "completed" : "failed";
  const wanted: Record<string, unknown> = { status, failure: failureWanted(expected) };
  const seen: Record<string, unknown> = { status: run.status, failure: failureOf(run, expected) };
  if ("output" in expected) {
    wanted.output = expected.output;
    seen.output = run.output;
  }
  if (expected.errors !== undefined) {
    wanted.errors = { anyOrder: expected.errors };
    seen.errors = await errorsOf(orchestrator, run.id);
  }
  if (expected.items !== undefined) {
    wanted.items = expected.items;
    seen.items = await itemsOf(orchestrator, run.id, Object.keys(expected.items));
  }
  if (expected.metrics !== undefined) {
    wanted.metrics = expected.metrics;
    seen.metrics = await metricsOf(orchestrator, run.id);
  }
  const compareRun = compared(seen, wanted);
  const context = expected.context ?? {};
  const compareContext = compared(expected.context === undefined ? {} : (await handle.context()).toJSON(), context);
  expect({ ...compareRun.seen, context: compareContext.seen }).toEqual({
    ...compareRun.wanted,
    context: compareContext.wanted,
  });
}

/** What is wanted and what there is instead, where order is none of it sorted alike. */
export function compared(seen: Seen, wanted: Seen): { readonly seen: Seen; readonly wanted: Seen } {
  const entries = Object.entries(wanted);
  return {
    seen: Object.fromEntries(entries.map(([name, as]) => [name, isAnyOrder(as) ? sorted(seen[name]) : seen[name]])),
    wanted: Object.fromEntries(entries.map(([name, as]) => [name, isAnyOrder(as) ? sorted(as.anyOrder) : as])),
  };
}

function sorted(values: unknown): unknown {
  if (!Array.isArray(values)) return values;
  return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

function failureWanted({ failure }: Expected): Seen | undefined {
  if (failure === undefined) return undefined;
  const { message, ...rest } = failure;
  return { ...rest, ...(message === undefined ? {} : { message: expect.stringMatching(message) }) };
}

/** The parts of the failure that are expected to be something; all of it where none was expected. */
function failureOf({ failure }: RunInfo, expected: Expected): unknown {
  if (failure === undefined || expected.failure === undefined) return failure;
  return Object.fromEntries(Object.entries(failure).filter(([key]) => Object.hasOwn(expected.failure ?? {}, key)));
}

async function errorsOf(orchestrator: DistributedOrchestrator, runId: string): Promise<readonly string[]> {
  const errors = await all((page) => orchestrator.errors(runId, page));
  return errors.map(({ node, attempt, code, outcome }) => `${node}#${attempt} ${code} ${outcome}`);
}

async function itemsOf(orchestrator: DistributedOrchestrator, runId: string, nodes: readonly string[]): Promise<Seen> {
  const items = await all((page) => orchestrator.listWorkItems(runId, page));
  return Object.fromEntries(
    nodes.map((node) => {
      const counts: Record<string, number> = {};
      for (const { status } of items.filter((item) => item.node === node)) counts[status] = (counts[status] ?? 0) + 1;
      return [node, counts];
    }),
  );
}

async function metricsOf(orchestrator: DistributedOrchestrator, runId: string): Promise<Seen> {
  const { custom } = await orchestrator.metrics(runId);
  return Object.fromEntries(Object.entries(custom).map(([name, { sum }]) => [name, sum]));
}
