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
  const seen: Record<string, unknown> = { status: run.status, failure: failureOf(run, expected) };
  const wanted: Record<string, unknown> = {
    status: expected.failure === undefined ? "completed" : "failed",
    failure: failureWanted(expected),
  };
  if ("output" in expected) compare(seen, wanted, "output", run.output, expected.output);
  if (expected.errors !== undefined) {
    compare(seen, wanted, "errors", await errorsOf(orchestrator, run.id), { anyOrder: expected.errors });
  }
  if (expected.items !== undefined) {
    compare(seen, wanted, "items", await itemsOf(orchestrator, run.id, Object.keys(expected.items)), expected.items);
  }
  const seenContext = expected.context === undefined ? {} : (await handle.context()).toJSON();
  for (const [field, value] of Object.entries(expected.context ?? {})) {
    compare(seen, wanted, `context ${field}`, seenContext[field], value);
  }
  if (expected.metrics !== undefined) {
    const { custom } = await orchestrator.metrics(run.id);
    const sums = Object.fromEntries(Object.entries(custom).map(([name, { sum }]) => [name, sum]));
    compare(seen, wanted, "metrics", sums, expected.metrics);
  }
  expect(seen).toEqual(wanted);
}

function compare(
  seen: Record<string, unknown>,
  wanted: Record<string, unknown>,
  what: string,
  is: unknown,
  as: unknown,
) {
  seen[what] = isAnyOrder(as) ? sorted(is) : is;
  wanted[what] = isAnyOrder(as) ? sorted(as.anyOrder) : as;
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
