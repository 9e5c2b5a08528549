/**
 * A run that waits in every way there is, one after the other: for an input, for an event, for a tool, for a time and for a
 * child run that waits itself. Each phase leaves marks in the context, and each execution of a body a line in the ledger.
 */

import { setTimeout as passed } from "node:timers/promises";
import * as z from "zod";
import {
  child,
  context,
  event,
  externalTool,
  field,
  next,
  node,
  sleep,
  waitForEvent,
  waitForInput,
  workflow,
} from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";

/** One execution of a body, in the trace `ledger`. */
export interface LedgerLine {
  readonly run: string;
  readonly node: string;
  readonly key: string;
}

const Marks = context({ log: field.eventLog<string>(), asked: field.counter() });
export const paid = event("paid", z.object({ amount: z.number() }));

/** The marks of a run, in their order. */
export const MARKS = ["asked", "approved", "due", "paid", "called", "looked up"] as const;
const NAP_MS = 150;
/** Long enough that workers die in the middle of it. */
const WORK_MS = 100;

const Order = z.object({ id: z.string() });

const check = waitForInput({
  input: Order,
  receive: z.literal("checked"),
  async run({ input, runId, idempotencyKey }) {
    trace("ledger", { run: runId, node: "check", key: idempotencyKey } satisfies LedgerLine);
    await passed(WORK_MS);
    return next(input);
  },
});

/** The child: it waits for an input of its own. */
export const checking = workflow({
  name: "checking",
  version: "1.0.0",
  nodes: { check },
  start: "check",
  edges: { check: [] },
});

const approve = waitForInput({
  input: Order,
  receive: z.object({ by: z.string() }),
  context: Marks,
  prompt({ input, context: marks }) {
    marks.log.append("asked");
    marks.asked.add();
    return `approve ${input.id}?`;
  },
  async run({ input, context: marks, runId, idempotencyKey }) {
    trace("ledger", { run: runId, node: "approve", key: idempotencyKey } satisfies LedgerLine);
    marks.log.append("approved");
    await passed(WORK_MS);
    return next(input);
  },
});

const pay = waitForEvent({
  input: Order,
  event: paid,
  context: Marks,
  key({ input, context: marks }) {
    marks.log.append("due");
    marks.asked.add();
    return input.id;
  },
  where: { amount: 10 },
  run({ input, received, context: marks }) {
    marks.log.append(received.amount === 10 ? "paid" : "paid wrongly");
    return next(input);
  },
});

const lookUp = externalTool({
  name: "look-up",
  input: Order,
  context: Marks,
  arguments({ input, context: marks }) {
    marks.log.append("called");
    return input;
  },
  receive: z.number(),
  run({ input, context: marks }) {
    marks.log.append("looked up");
    return next(input);
  },
});

const finish = node({ input: Order, run: ({ input }) => next({ done: input.id }) });

export const waiting = workflow({
  name: "waiting",
  version: "1.0.0",
  context: Marks,
  nodes: { approve, pay, lookUp, nap: sleep(Order, NAP_MS), own: child(checking), finish },
  start: "approve",
  edges: { approve: "pay", pay: "lookUp", lookUp: "nap", nap: "own", own: "finish", finish: [] },
});
