/**
 * Twenty steps in a row that all leave the same marks: in the context, by an event, a sum, an updated register and a set;
 * and outside of the engine, by a line in the ledger for every execution. The input tells how long each step works.
 */

import { setTimeout as passed } from "node:timers/promises";
import { context, dynamicWorkflow, field, next, node, unchecked } from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";

export const STEPS = 20;

const Marks = context({
  log: field.eventLog<{ readonly step: number; readonly key: string }>(),
  sum: field.counter(),
  last: field.register<number>(0),
  seen: field.set<number>(),
});

interface Load {
  readonly workMs: number;
}

/** One execution of a step, in the trace `ledger`. */
export interface LedgerLine {
  readonly run: string;
  readonly step: number;
  readonly itemId: string;
  readonly key: string;
  readonly attempt: number;
}

function step(number: number) {
  return node({
    context: Marks,
    input: unchecked<Load>(),
    async run({ input, context: marks, runId, itemId, attempt, idempotencyKey }) {
      trace("ledger", { run: runId, step: number, itemId, key: idempotencyKey, attempt } satisfies LedgerLine);
      marks.log.append({ step: number, key: idempotencyKey });
      marks.sum.add(number);
      marks.last.update((before) => before + 1);
      marks.seen.add(number);
      await passed(input.workMs);
      return next(number === STEPS ? { workMs: input.workMs, done: runId } : input);
    },
  });
}

const numbers = Array.from({ length: STEPS }, (_, at) => at + 1);
const nodes = Object.fromEntries(numbers.map((number) => [`step${number}`, step(number)]));

export const chain = dynamicWorkflow<Load, { readonly done: string }, (typeof Marks)["fields"], "chain">({
  name: "chain",
  version: "1.0.0",
  context: Marks,
  nodes,
  start: "step1",
  edges: Object.fromEntries(numbers.map((number) => [`step${number}`, number === STEPS ? [] : `step${number + 1}`])),
});
