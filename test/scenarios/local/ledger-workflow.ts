/**
 * A run wide and long enough to be killed in the middle of it: thirty branches that join, and ten steps in a row. Each
 * execution leaves a line in the ledger, outside of the engine, and an event in the context, inside of it.
 */

import { setTimeout as passed } from "node:timers/promises";
import { context, field, join, next, node, split, unchecked, variant, workflow } from "../../../src/index.ts";
import { gate, trace } from "../harness/traces.ts";

const BRANCHES = 30;
const ROUNDS = 10;

/** One execution, in the trace `ledger`. */
export interface LedgerLine {
  readonly itemId: string;
  readonly key: string;
  readonly input: number;
}

/** How this process works: no part of the run. */
export const pace = {
  workMs: 0,
  /** Executions after which its bodies wait at the gate `go`. */
  executions: Number.POSITIVE_INFINITY,
};

const Done = context({ events: field.eventLog<string>(), sum: field.counter() });

async function takeTime(signal: AbortSignal): Promise<void> {
  pace.executions -= 1;
  if (pace.executions < 0) await gate("go", signal);
  else await passed(pace.workMs, undefined, { signal });
}

const work = node({
  context: Done,
  input: unchecked<number>(),
  async run({ input, context: done, itemId, idempotencyKey: key, signal }) {
    trace("ledger", { itemId, key, input } satisfies LedgerLine);
    await takeTime(signal);
    done.events.append(key);
    done.sum.add(input);
    return next(input * 2);
  },
});

const round = node({
  context: Done,
  input: unchecked<number>(),
  async run({ input, context: done, itemId, idempotencyKey: key, signal }) {
    trace("ledger", { itemId, key, input } satisfies LedgerLine);
    await takeTime(signal);
    done.events.append(key);
    return input % ROUNDS === 0 ? next(variant("done", input)) : next(variant("again", input + 1));
  },
});

const total = join({
  of: "cut",
  input: unchecked<number>(),
  run: ({ inputs }) => next(inputs.reduce((sum, value) => sum + value, 1)),
});

/** Its output is the sum of the doubled branches, raised by one in each round to the next multiple of ten. */
export const ledger = workflow({
  name: "ledger",
  version: "1",
  context: Done,
  nodes: {
    cut: split(unchecked<null>(), () => Array.from({ length: BRANCHES }, (_, at) => at)),
    work,
    total,
    round,
    tell: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
  },
  start: "cut",
  edges: { cut: "work", work: "total", total: "round", round: { route: { again: "round", done: "tell" } }, tell: [] },
});

const doubled = (BRANCHES * (BRANCHES - 1)) / 2;
export const SUM = doubled;
export const OUTPUT = Math.ceil((2 * doubled + 1) / ROUNDS) * ROUNDS;
/** Executions of a run that nobody disturbs, of those that leave a line. */
export const EXECUTIONS = BRANCHES + (OUTPUT - 2 * doubled);
