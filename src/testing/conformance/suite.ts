/**
 * The conformance suite: every case, and the way to run them under a test framework. A backend is one when every case that
 * its capabilities call for passes; a third-party backend proves itself with the same cases. Nothing is left out but by capability, and
 * what is left out is told.
 */

import { checkpointCases } from "./checkpoints.ts";
import { childCases } from "./children.ts";
import { claimCases } from "./claims.ts";
import { commitCases } from "./commits.ts";
import { completionCases } from "./completion.ts";
import { conditionalCases } from "./conditionals.ts";
import type { ConformanceCase, ConformanceNeed } from "./conformance-case.ts";
import { contextCases } from "./contexts.ts";
import { controlCases } from "./control.ts";
import { controlMatrixCases } from "./control-matrix.ts";
import { definitionCases } from "./definitions.ts";
import { documentCases } from "./documents.ts";
import { eventCases } from "./events.ts";
import { failureCases } from "./failures.ts";
import type { ConformanceFactory, ConformanceHarness } from "./harness.ts";
import { historyCases } from "./history.ts";
import { hostileCases } from "./hostile-values.ts";
import { interventionCases } from "./interventions.ts";
import { joinCases } from "./joins.ts";
import { nestedJoinCases } from "./nested-joins.ts";
import { pageCases } from "./pages.ts";
import { peekCases } from "./peeks.ts";
import { progressCases } from "./progress.ts";
import { requestCases, requestHandleCases } from "./requests.ts";
import { sessionCases } from "./sessions.ts";
import { stallCases } from "./stalls.ts";
import { startCases } from "./starts.ts";
import { timeoutCases } from "./timeouts.ts";
import { transferCases } from "./transfer.ts";
import { waitCases } from "./waits.ts";
import { wakeupCases } from "./wakeups.ts";
import { worldCases } from "./worlds.ts";

/** A test framework, as far as the suite needs one: `test` of vitest, of `node:test`, or anything alike. */
export interface ConformanceFramework {
  test(name: string, run: () => Promise<void>): unknown;
  /** Told of every case that the backend's capabilities do not call for, and why. */
  leftOut?(name: string, why: string): unknown;
}

/** What `runConformance` did. */
export interface ConformanceReport {
  /** Cases that were handed to the framework. */
  readonly cases: readonly ConformanceCase[];
  /** Cases that the backend's capabilities do not call for. */
  readonly leftOut: readonly ConformanceCase[];
}

/** Every case of the suite, by noun, in a fixed order. Their names are unique. */
export function conformanceCases(): readonly ConformanceCase[] {
  return [
    ...definitionCases,
    ...startCases,
    ...claimCases,
    ...peekCases,
    ...sessionCases,
    ...stallCases,
    ...requestCases,
    ...requestHandleCases,
    ...commitCases,
    ...failureCases,
    ...conditionalCases,
    ...joinCases,
    ...nestedJoinCases,
    ...completionCases,
    ...timeoutCases,
    ...waitCases,
    ...eventCases,
    ...childCases,
    ...controlCases,
    ...interventionCases,
    ...controlMatrixCases,
    ...contextCases,
    ...progressCases,
    ...checkpointCases,
    ...documentCases,
    ...historyCases,
    ...pageCases,
    ...worldCases,
    ...wakeupCases,
    ...hostileCases,
    ...transferCases,
  ];
}

/**
 * Hands every case to the framework, each on a harness of its own, after opening the backend once to read its capabilities:
 * `await runConformance(openMine, { test })` at the top of a test file, with `test` of vitest or of `node:test`.
 * Rejects when the backend cannot be opened, or has a capability that its harness does not let the suite test.
 */
export async function runConformance(
  factory: ConformanceFactory,
  framework: ConformanceFramework,
): Promise<ConformanceReport> {
  const lacks = await probe(factory);
  const [cases, leftOut]: [ConformanceCase[], ConformanceCase[]] = [[], []];
  for (const one of conformanceCases()) {
    const name = `${one.noun}: ${one.name}`;
    const why = one.needs === undefined ? undefined : lacks(one.needs);
    (why === undefined ? cases : leftOut).push(one);
    if (why === undefined) framework.test(name, () => runCase(one, factory));
    else framework.leftOut?.(name, why);
  }
  return { cases, leftOut };
}

async function runCase(one: ConformanceCase, factory: ConformanceFactory): Promise<void> {
  await within(factory, (harness) => one.run(harness));
}

/** Why the backend lacks what a case needs; `undefined` when it has it. */
async function probe(factory: ConformanceFactory): Promise<(need: ConformanceNeed) => string | undefined> {
  return await within(factory, async (harness) => {
    const backend = await harness.open();
    const { shared, renewal } = backend.capabilities;
    const reopens = harness.reopen !== undefined;
    const peeks = backend.peek !== undefined;
    await backend.close();
    if (shared && !reopens) throw new TypeError("the backend's data is shared, so its harness must have `reopen`");
    return (need) => {
      switch (need) {
        case "secondHandle":
          return reopens ? undefined : "the data lives and dies with its one handle";
        case "attachedSessions":
          return renewal === "inProcess" ? undefined : `sessions are renewed by "${renewal}", not in the process`;
        case "peek":
          return peeks ? undefined : "workers claim to find out what there is";
      }
    };
  });
}

async function within<T>(factory: ConformanceFactory, work: (harness: ConformanceHarness) => Promise<T>): Promise<T> {
  const harness = await factory();
  try {
    return await work(harness);
  } finally {
    await harness.dispose();
  }
}
