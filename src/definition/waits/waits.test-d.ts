/** What the compiler knows of nodes that wait. Checked by `tsc`; nothing here runs. */

import { expectTypeOf } from "vitest";
import { z } from "zod";
import { context, field } from "../context/field.ts";
import type { Failure } from "../failure.ts";
import { type Node, type NoFields, node } from "../node.ts";
import { unchecked } from "../schema.ts";
import { abort, hold, next } from "../transition.ts";
import { variant } from "../variant.ts";
import { workflow } from "../workflow.ts";
import type { AnswerOf, InputOf, OutputOf, TypesOf, WaitNames } from "../workflow-types.ts";
import { child } from "./child.ts";
import { type Event, event } from "./event.ts";
import { externalTool } from "./external-tool.ts";
import { sleep } from "./sleep.ts";
import { waitForEvent } from "./wait-for-event.ts";
import { waitForInput } from "./wait-for-input.ts";
import type { WaitNode } from "./wait-node.ts";

const Expense = z.object({ id: z.string(), amount: z.number(), by: z.string() });
const Decision = z.object({ approved: z.boolean(), by: z.string(), at: z.string().default("now") });
const Settled = event("payment.settled", z.object({ ref: z.string(), bank: z.object({ country: z.string() }) }));
const C = context({ decidedBy: field.register<string | null>(null) });

type Expense = z.output<typeof Expense>;
type Given = z.input<typeof Decision>;
type Decided = z.output<typeof Decision>;

// A sleep emits what its schema made of the input.
expectTypeOf(sleep(Expense, "10m")).toEqualTypeOf<Node<Expense, Expense>>();
expectTypeOf(sleep(z.coerce.number(), (ms) => ms)).toEqualTypeOf<Node<unknown, number>>();
sleep(Expense, ({ amount }) => `${amount}h`, { queue: "slow", description: "cools down" });
// @ts-expect-error no duration
sleep(Expense, "soon");
// @ts-expect-error a sleep has no deadline
sleep(Expense, "1h", { deadline: "2h" });

// Without a body what was received is emitted, as its schema made it; what may be given is its input type.
const plain = waitForInput({ input: Expense, receive: Decision });
expectTypeOf(plain).toEqualTypeOf<WaitNode<Expense, Decided, NoFields, Given>>();

// With a body, what the body emits.
const approval = waitForInput({
  input: Expense,
  receive: Decision,
  deadline: "3d",
  context: C,
  prompt: ({ input, context: fields }) => {
    expectTypeOf(input).toEqualTypeOf<Expense>();
    expectTypeOf(fields.decidedBy.value).toEqualTypeOf<string | null>();
    return `pay ${input.amount}?`;
  },
  run({ input, received, context: fields, error, attempt }) {
    expectTypeOf(received).toEqualTypeOf<Decided>();
    expectTypeOf(error).toEqualTypeOf<Failure | undefined>();
    expectTypeOf(attempt).toEqualTypeOf<number>();
    fields.decidedBy.set(received.by);
    return next(variant(received.approved ? "approved" : "rejected", input));
  },
});
waitForInput({ input: Expense, receive: Decision, prompt: "ok?", run: async ({ received }) => next(received.by) });
waitForInput({ input: Expense, receive: Decision, run: () => abort("never") });
waitForInput({ input: Expense, receive: Decision, serializable: true, run: () => hold() });
// @ts-expect-error only a serializable node may hold
waitForInput({ input: Expense, receive: Decision, run: () => hold() });
// @ts-expect-error it has nothing to receive
waitForInput({ input: Expense });
// @ts-expect-error a body returns a transition
waitForInput({ input: Expense, receive: Decision, run: ({ received }) => received });
// @ts-expect-error an option that is none
waitForInput({ input: Expense, receive: Decision, deadlin: "3d" });

// Events: one definition for whoever sends and whoever waits.
expectTypeOf(Settled.name).toEqualTypeOf<string>();
const settled = waitForEvent({
  input: Expense,
  event: Settled,
  key: ({ input }) => input.id,
  where: ({ input }) => ({ bank: { country: input.by } }),
  deadline: "1h",
  run: ({ input, received }) => next({ ...input, ref: received.ref }),
});
expectTypeOf(settled).toExtend<WaitNode<Expense, Expense & { ref: string }>>();
waitForEvent({ input: Expense, event: Settled, key: ({ runId }) => runId, where: { ref: "1" } });
waitForEvent({ input: Expense, event: Settled, key: () => "one", where: {} });
// @ts-expect-error the payload has no such part
waitForEvent({ input: Expense, event: Settled, key: () => "one", where: { bank: { county: "x" } } });
// @ts-expect-error a part of another type
waitForEvent({ input: Expense, event: Settled, key: () => "one", where: { ref: 1 } });
// @ts-expect-error a key is a text
waitForEvent({ input: Expense, event: Settled, key: ({ input }) => input.amount });
// @ts-expect-error it has no key
waitForEvent({ input: Expense, event: Settled });
// @ts-expect-error a name is no event
waitForEvent({ input: Expense, event: "payment.settled", key: () => "one" });

// Tools: what they are called with is the input unless it is told.
const lookUp = externalTool({
  name: "look-up",
  input: Expense,
  arguments: ({ input }) => ({ id: input.id }),
  receive: z.object({ rate: z.number() }),
});
expectTypeOf(lookUp).toEqualTypeOf<WaitNode<Expense, { rate: number }, NoFields, { rate: number }>>();

const pay = node({ input: Expense, run: ({ input }) => next(input) });
const done = node({
  input: Expense.extend({ ref: z.string() }),
  run: ({ input }) => next({ ok: true as boolean, ref: input.ref }),
});
const refuse = node({ input: Expense, run: ({ input }) => next({ ok: false as boolean, ref: input.id }) });
const escalate = node({ input: Expense, run: ({ input }) => next(input) });
const useDecision = node({ input: Decision, run: ({ input }) => next({ ok: input.approved, ref: input.by }) });

const expenses = workflow({
  name: "expenses",
  version: "1.0.0",
  context: C,
  nodes: { approval, escalate, plain, useDecision, cool: sleep(Expense, "10m"), pay, settled, done, refuse },
  start: "approval",
  edges: {
    approval: {
      route: { approved: [{ when: (e) => e.amount < 100, to: "pay" }, { to: "cool" }], rejected: "refuse" },
      onTimeout: "escalate",
    },
    escalate: "plain",
    plain: "useDecision",
    useDecision: [],
    cool: "pay",
    pay: "settled",
    settled: { to: "done", onTimeout: "refuse" },
    done: [],
    refuse: [],
  },
});
expectTypeOf<InputOf<typeof expenses>>().toEqualTypeOf<Expense>();
expectTypeOf<OutputOf<typeof expenses>>().toExtend<{ ok: boolean; ref: string }>();

// Which nodes wait for an answer, and for which.
type Types = TypesOf<typeof expenses>;
expectTypeOf<WaitNames<Types>>().toEqualTypeOf<"approval" | "plain" | "settled">();
expectTypeOf<AnswerOf<Types, "approval">>().toEqualTypeOf<Given>();
expectTypeOf<AnswerOf<Types, "pay">>().toEqualTypeOf<never>();

// The route of a wait is checked as that of any node.
workflow({
  name: "w",
  version: "1",
  context: C,
  nodes: { approval, refuse },
  start: "approval",
  edges: {
    // @ts-expect-error "approved" has no way
    approval: { route: { rejected: "refuse" } },
    refuse: [],
  },
});
workflow({
  name: "w",
  version: "1",
  nodes: { plain, pay },
  start: "plain",
  // @ts-expect-error a decision is no expense
  edges: { plain: "pay", pay: [] },
});
workflow({
  name: "w",
  version: "1",
  // @ts-expect-error the workflow lacks the context of the wait
  nodes: { approval, refuse },
  start: "approval",
  edges: { approval: { route: { "*": "refuse" } }, refuse: [] },
});

// A child takes what its workflow takes, and emits what it gives.
const own = child(expenses, {
  context: { decidedBy: "nobody" },
  onParentClose: "leave",
  deadline: "1d",
  tags: { of: "parent" },
  retry: { maxAttempts: 3 },
});
expectTypeOf(own).toExtend<Node<Expense, { ok: boolean; ref: string }>>();
child(expenses, { context: ({ input }) => ({ decidedBy: input.by }) });
// @ts-expect-error the child has no such field
child(expenses, { context: { decided: "nobody" } });
// @ts-expect-error neither of the two
child(expenses, { onParentClose: "kill" });

const report = node({ input: unchecked<{ ok: boolean; ref: string }>(), run: ({ input }) => next(input.ref) });
const parent = workflow({
  name: "parent",
  version: "1",
  nodes: { own, report },
  start: "own",
  edges: { own: "report", report: [] },
});
expectTypeOf<OutputOf<typeof parent>>().toEqualTypeOf<string>();
workflow({
  name: "parent",
  version: "1",
  nodes: { own, pay },
  start: "own",
  // @ts-expect-error what the child gives is no expense
  edges: { own: "pay", pay: [] },
});

declare const anyEvent: Event;
expectTypeOf(Settled).toExtend<typeof anyEvent>();
