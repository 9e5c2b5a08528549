/**
 * A run with a little of everything that a store keeps: a fan-out, two steps in each branch, a join, two events that are
 * waited for one after the other, and marks in the context by almost every step. Whatever happened meanwhile, its output
 * and its context are known from its input. Outside of the engine each execution leaves a line in the ledger.
 */

import { setTimeout as passed } from "node:timers/promises";
import * as z from "zod";
import {
  context,
  event,
  field,
  join,
  next,
  nextAll,
  node,
  unchecked,
  waitForEvent,
  workflow,
} from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";

export interface Load {
  /** Branches of the fan-out. */
  readonly width: number;
  readonly workMs: number;
}

/** One execution of a step, in the trace `ledger`. */
export interface LedgerLine {
  readonly run: string;
  readonly itemId: string;
  readonly key: string;
  readonly attempt: number;
}

/** Sent twice to each run, with these payloads. */
export const approved = event("approved", z.number());
export const APPROVALS = [1, 2] as const;

const Marks = context({
  log: field.eventLog<string>(),
  sum: field.counter(),
  seen: field.set<string>(),
  last: field.register<number>(0),
});

const scatter = node({
  input: unchecked<Load>(),
  run: ({ input: { width, workMs } }) => nextAll(Array.from({ length: width }, (_, at) => ({ at, workMs }))),
});

function step(name: string) {
  return node({
    context: Marks,
    input: unchecked<{ readonly at: number; readonly workMs: number }>(),
    async run({ input, context: marks, runId, itemId, attempt, idempotencyKey }) {
      trace("ledger", { run: runId, itemId, key: idempotencyKey, attempt } satisfies LedgerLine);
      marks.log.append(`${name} ${input.at}`);
      marks.sum.add(1);
      marks.seen.add(`${name} ${input.at}`);
      await passed(input.workMs);
      return next(input);
    },
  });
}

const gather = join({
  of: "scatter",
  context: Marks,
  input: unchecked<{ readonly at: number }>(),
  run({ inputs, context: marks }) {
    marks.log.append("gather");
    marks.last.update((before) => before + 1);
    return next(inputs.reduce((sum, { at }) => sum + at, 0));
  },
});

function approval(name: string) {
  return waitForEvent({
    input: z.number(),
    event: approved,
    context: Marks,
    key: ({ runId }) => runId,
    run({ input, received, context: marks }) {
      marks.log.append(`${name} ${received}`);
      marks.last.update((before) => before + received);
      return next(input * 10 + received);
    },
  });
}

const finish = node({ input: unchecked<number>(), run: ({ input }) => next(input) });

export const mixture = workflow({
  name: "mixture",
  version: "1.0.0",
  context: Marks,
  nodes: {
    scatter,
    first: step("first"),
    second: step("second"),
    gather,
    approval: approval("approval"),
    countersign: approval("countersign"),
    finish,
  },
  start: "scatter",
  edges: {
    scatter: "first",
    first: "second",
    second: "gather",
    gather: "approval",
    approval: "countersign",
    countersign: "finish",
    finish: [],
  },
});

/** Items of a run: the fan-out, two steps a branch, the join, two waits, the end. */
export function itemsOf({ width }: Load): number {
  return 2 * width + 5;
}

/** What the context of a run must hold at its end, in which order ever branches came. */
export function marksOf({ width }: Load) {
  const branches = Array.from({ length: width }, (_, at) => at);
  const steps = branches.flatMap((at) => [`first ${at}`, `second ${at}`]);
  const rest = ["gather", "approval 1", "countersign 2"];
  return { log: [...steps, ...rest].toSorted(), seen: steps.toSorted(), sum: steps.length, last: 4 };
}

export function outputOf({ width }: Load): number {
  return ((width * (width - 1)) / 2) * 100 + 12;
}
