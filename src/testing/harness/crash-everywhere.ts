/**
 * `crashEverywhere`: one call that runs a workflow again and again, each time with a worker that vanishes at another
 * point, and says whether all of these runs came to the same. The points are all writes of the undisturbed run: the
 * commit of each attempt and the result of each durable step, once just before it and once just after. Invariant: each
 * run has a store, a time and a seed of its own, so what one does cannot help another.
 */

import { inspect } from "node:util";
import type { ContextInit, Duration, Workflow, WorkflowTypes } from "../../index.ts";
import { CrashPlans } from "./crash-plans.ts";
import type { CommitPoint, CrashSide } from "./crashing-line.ts";
import type { Mocks } from "./mocks.ts";
import { differenceOf, type PictureDifference, pictureOf, type RunPicture } from "./run-picture.ts";
import type { TestRun } from "./test-run.ts";
import { openTest, type TestOptions } from "./workflow-test.ts";

/** A crash: at which write of the undisturbed run, from 1, and on which side of it. */
export interface CrashSpot<N extends string = string> {
  readonly side: CrashSide;
  readonly number: number;
  readonly node: N;
  readonly attempt: number;
  /** The name of the durable step whose result is written; absent for the commit of the attempt. */
  readonly step?: string | undefined;
}

/** How it is tried. All may be left out. */
export interface CrashEverywhereOptions<T extends WorkflowTypes = WorkflowTypes> extends Omit<TestOptions<T>, "mocks"> {
  /** As for `testWorkflow`; a function makes new ones for each run, for mocks that remember something. */
  readonly mocks?: Mocks<T> | (() => Mocks<T>) | undefined;
  /** Initial values of the context, by field. */
  readonly context?: ContextInit<T["fields"]> | undefined;
  /** Context fields that may differ, since they depend on time or on the order of independent items. */
  readonly ignoreContext?: readonly (keyof T["fields"] & string)[] | undefined;
  /** The longest that a run may take, in the test's time; 30 days if absent. */
  readonly within?: Duration | undefined;
  /** Called after each run, the undisturbed one first (`crash` is `undefined` then), to look at what a run does outside. */
  readonly check?: ((run: TestRun<T>, crash: CrashSpot<keyof T["nodes"] & string> | undefined) => unknown) | undefined;
}

/** What was tried. */
export interface CrashReport {
  /** Writes of the undisturbed run. */
  readonly points: number;
  /** Runs with a crash: two for each point. */
  readonly crashes: number;
}

/** A crash made a difference. The message says where and which; test frameworks show `expected` and `actual`. */
export class CrashDifference extends Error {
  readonly crash: CrashSpot;
  /** The part of the run that differs. */
  readonly what: string;
  readonly expected: unknown;
  readonly actual: unknown;

  constructor(crash: CrashSpot, { what, expected, actual }: PictureDifference, way: string) {
    super(
      `with ${describeCrash(crash)}, ${what} is not what it is without\n` +
        `  without: ${show(expected)}\n  with:    ${show(actual)}\n  its way: ${way}`,
    );
    this.name = "CrashDifference";
    this.crash = crash;
    this.what = what;
    this.expected = expected;
    this.actual = actual;
  }
}

/**
 * Runs the workflow undisturbed, then once for each side of each of its writes with a worker that vanishes there, and
 * compares status, output, context and the set of committed items. Event logs count in order where all items follow one
 * another, else without. Throws `CrashDifference` for the first crash that makes a difference, and what `start` or
 * `check` throws, `TIMEOUT` for a run that does not end.
 */
export async function crashEverywhere<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  input: NoInfer<T["input"]>,
  options: CrashEverywhereOptions<NoInfer<T>> = {},
): Promise<CrashReport> {
  const points: CommitPoint[] = [];
  const undisturbed = await tryOnce<T>(workflow, input, options, undefined, (point) => {
    points.push(point);
    return undefined;
  });
  for (const [at, { node, attempt, step }] of points.entries()) {
    for (const side of ["before", "after"] as const) {
      const crash: CrashSpot = { side, number: at + 1, node, attempt, ...(step === undefined ? {} : { step }) };
      let passed = 0;
      const disturbed = await tryOnce<T>(workflow, input, options, crash, () => {
        passed += 1;
        return passed === crash.number ? side : undefined;
      });
      const difference = differenceOf(undisturbed.picture, disturbed.picture);
      if (difference !== undefined) throw new CrashDifference(crash, difference, disturbed.way);
    }
  }
  return { points: points.length, crashes: points.length * 2 };
}

interface Tried {
  readonly picture: RunPicture;
  readonly way: string;
}

async function tryOnce<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  input: T["input"],
  options: CrashEverywhereOptions<T>,
  crash: CrashSpot | undefined,
  crashAt: (point: CommitPoint) => CrashSide | undefined,
): Promise<Tried> {
  const { mocks, context, ignoreContext = [], within, check, ...rest } = options;
  const made = typeof mocks === "function" ? mocks() : mocks;
  const { test, operations } = await openTest<T>(workflow, { ...rest, mocks: made }, new CrashPlans(), crashAt);
  await using _ = test;
  const run = await test.start(input, { context });
  await run.toEnd({ within });
  // Only nodes of the workflow are crashed at.
  await check?.(run, crash as CrashSpot<keyof T["nodes"] & string> | undefined);
  const picture = await pictureOf(workflow, run, operations, ignoreContext);
  const way = run.path().map(({ node, attempt, outcome }) => `${node}#${attempt} ${outcome}`);
  return { picture, way: way.slice(0, SHOWN_STEPS).join(", ") + (way.length > SHOWN_STEPS ? ", …" : "") };
}

const SHOWN_STEPS = 40;

function describeCrash({ side, number, node, attempt, step }: CrashSpot): string {
  const where = step === undefined ? `attempt ${attempt}` : `attempt ${attempt}, step "${step}"`;
  return `a crash ${side} write ${number} (node "${node}", ${where})`;
}

function show(value: unknown): string {
  return inspect(value, { depth: 12, breakLength: Number.POSITIVE_INFINITY, maxStringLength: 400, maxArrayLength: 40 });
}
