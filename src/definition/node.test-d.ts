/** What the compiler knows of nodes: what they take, what they emit, what they may return. Checked by `tsc`; nothing here runs. */

import * as valibot from "valibot";
import { expectTypeOf } from "vitest";
import { z } from "zod";
import type { LiveContext } from "./context/field.ts";
import { context, field } from "./context/field.ts";
import type { Failure } from "./failure.ts";
import { type Node, type NodeArgs, type NoFields, node } from "./node.ts";
import { split } from "./ready-made.ts";
import { type InferInput, type InferOutput, type StandardSchema, unchecked } from "./schema.ts";
import { type Abort, abort, type Hold, hold, type Next, next, nextAll, type Transition } from "./transition.ts";
import { type Variant, variant, variantBy } from "./variant.ts";

// Transitions keep literals, and leave arrays as they are.
expectTypeOf(next("paid")).toEqualTypeOf<Next<"paid">>();
expectTypeOf(next()).toEqualTypeOf<Next<null>>();
expectTypeOf(next({ state: "a", list: [1, 2] }).value.state).toEqualTypeOf<"a">();
expectTypeOf(next({ list: [1, 2] }).value.list).toExtend<number[]>();
expectTypeOf(nextAll([1, 2]).values).toExtend<readonly number[]>();
expectTypeOf(hold()).toEqualTypeOf<Hold>();
expectTypeOf(abort("no", { code: "MINE", details: { a: 1 } })).toEqualTypeOf<Abort>();
// @ts-expect-error a delay that is no duration
next(1, { delay: "soon" });
// @ts-expect-error an option that is none
next(1, { delai: 5 });
// @ts-expect-error not a list
nextAll(5);
// @ts-expect-error a reason is a text or an error
abort(5);

// Variants: a kind of a union type gives a union of variants, kind and payload correlated.
expectTypeOf(variant("above", 84 as number)).toEqualTypeOf<Variant<"above", number>>();
expectTypeOf(variant("done")).toEqualTypeOf<Variant<"done", null>>();
declare const flag: boolean;
expectTypeOf(variant(flag ? "yes" : "no", 1 as number)).toEqualTypeOf<Variant<"yes", number> | Variant<"no", number>>();
declare const call: { name: "search"; q: string } | { name: "calc"; e: number };
expectTypeOf(variantBy("name", call)).toEqualTypeOf<
  Variant<"search", { name: "search"; q: string }> | Variant<"calc", { name: "calc"; e: number }>
>();
// @ts-expect-error no such tag
variantBy("nom", call);

// A node takes its schema's input type, its body sees the output type, and what it emits is inferred.
const Order = z.object({ id: z.string(), kg: z.coerce.number<string>(), note: z.string().default("") });
const order = node({
  input: Order,
  run({ input, attempt, itemId, runId, idempotencyKey, signal, error, logger, heartbeat, metric }) {
    expectTypeOf(input).toEqualTypeOf<{ id: string; kg: number; note: string }>();
    expectTypeOf(attempt).toEqualTypeOf<number>();
    expectTypeOf([itemId, runId, idempotencyKey]).toEqualTypeOf<string[]>();
    expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
    expectTypeOf(error).toEqualTypeOf<Failure | undefined>();
    logger.info("weighing", { kg: input.kg });
    heartbeat({ done: 0.5 });
    metric("kg", input.kg);
    return input.kg > 30 ? abort("too heavy") : next({ id: input.id, kg: input.kg });
  },
});
expectTypeOf(order).toEqualTypeOf<
  Node<{ id: string; kg: string; note?: string | undefined }, { readonly id: string; readonly kg: number }>
>();
const other = node({
  input: valibot.object({ n: valibot.optional(valibot.number(), 3) }),
  run: ({ input }) => next(input.n),
});
expectTypeOf(other).toEqualTypeOf<Node<{ n?: number | undefined }, number>>();

// Bodies may be asynchronous, emit nothing, emit several types, memoise steps.
const several = node({
  input: unchecked<number>(),
  async run({ input, step }) {
    const receipt = await step("charge", async () => ({ id: "r" }));
    expectTypeOf(receipt).toEqualTypeOf<{ id: string }>();
    if (input > 3) return nextAll([receipt.id]);
    return input > 1 ? next(input) : abort("none");
  },
});
expectTypeOf(several).toEqualTypeOf<Node<number, string | number>>();
expectTypeOf(node({ input: unchecked<number>(), run: () => abort("never") })).toEqualTypeOf<Node<number, never>>();

// A declared output is what may be emitted (its input type) and what is emitted (its output type).
const Out = z.object({ state: z.enum(["a", "b"]), list: z.array(z.number()), note: z.string().optional() });
const declared = node({
  input: unchecked<number[]>(),
  output: Out,
  run: ({ input }) => nextAll(input.map((n) => ({ state: n > 1 ? "a" : "b", list: [n] }))),
});
expectTypeOf(declared).toEqualTypeOf<Node<number[], z.output<typeof Out>>>();
node({
  input: unchecked<number[]>(),
  output: Out,
  // @ts-expect-error "c" is no state
  run: () => next({ state: "c", list: [1] }),
});
node({
  input: unchecked<number[]>(),
  output: Out,
  // @ts-expect-error the list is missing
  run: async () => next({ state: "a" }),
});

// hold() only where the node is serializable, and known to be.
node({
  input: unchecked<number>(),
  // @ts-expect-error hold() is only for nodes with serializable: true
  run: () => hold(),
});
node({
  input: unchecked<number>(),
  // @ts-expect-error also as one way among others
  run: ({ input }) => (input > 1 ? hold() : next(input)),
});
node({
  input: unchecked<number>(),
  serializable: false,
  // @ts-expect-error also if it says that it is not
  run: async () => hold(),
});
node({
  input: unchecked<number>(),
  serializable: flag,
  // @ts-expect-error also if it may be or not
  run: async () => hold(),
});
node({
  input: unchecked<number>(),
  output: z.string(),
  // @ts-expect-error also with a declared output
  run: () => hold(),
});
const free = node({
  input: unchecked<number>(),
  serializable: true,
  run: ({ input }) => (input > 1 ? hold() : next(input)),
});
expectTypeOf(free).toEqualTypeOf<Node<number, number>>();
class Quorum {
  readonly input = unchecked<number>();
  readonly serializable = true;
  run() {
    return hold();
  }
}
expectTypeOf(node(new Quorum())).toEqualTypeOf<Node<number, never>>();
class Forgetful {
  readonly input = unchecked<number>();
  run() {
    return hold();
  }
}
// @ts-expect-error a class that holds and is not serializable
node(new Forgetful());

// What is no node.
node({
  input: unchecked<number>(),
  // @ts-expect-error a value is not a transition
  run: ({ input }) => input,
});
node({
  input: unchecked<number>(),
  // @ts-expect-error nothing is not a transition
  run: () => undefined,
});
// @ts-expect-error no input
node({ run: () => next(1) });
// @ts-expect-error no body
node({ input: unchecked<number>() });
// @ts-expect-error not a schema
node({ input: Number, run: () => next(1) });
// @ts-expect-error a misspelt option
node({ input: unchecked<number>(), timeuot: "3s", run: () => next(1) });
// @ts-expect-error a timeout that is no duration
node({ input: unchecked<number>(), timeout: "3 fortnights", run: () => next(1) });
// @ts-expect-error a strategy that is none
node({ input: unchecked<number>(), retry: { strategy: "random" }, run: () => next(1) });
// @ts-expect-error retries are switched off with false, never on with true
node({ input: unchecked<number>(), retry: true, run: () => next(1) });

// Every optional property takes undefined, so that options can be passed on.
declare const maybe: { timeout?: `${number}s`; queue?: string };
node({
  input: unchecked<number>(),
  timeout: maybe.timeout,
  deadline: undefined,
  queue: maybe.queue,
  labels: undefined,
  retry: undefined,
  output: undefined,
  context: undefined,
  serializable: undefined,
  run: ({ input }) => next(input),
});

// The context: a node sees its fields, and they are checked.
const Shop = context({
  status: field.register<"received" | "paid">("received"),
  log: field.eventLog<{ kind: string; id: string }>(),
  total: field.counter(),
});
const pay = node({
  context: Shop,
  input: Order,
  run({ input, context }) {
    expectTypeOf(context).toEqualTypeOf<LiveContext<typeof Shop.fields>>();
    context.status.set("paid");
    context.total.add(2);
    context.log.append({ kind: "paid", id: input.id });
    // @ts-expect-error not a status
    context.status.set("lost");
    // @ts-expect-error not an event
    context.log.append({ kind: "paid" });
    // @ts-expect-error not a field
    context.missing;
    return next(input.kg);
  },
});
expectTypeOf(pay).toEqualTypeOf<Node<InferInput<typeof Order>, number, typeof Shop.fields>>();
node({
  input: Order,
  run({ context }) {
    // @ts-expect-error a node that declares no context has none
    context.status;
    return next(1);
  },
});

// Class nodes: arguments are annotated by NodeArgs.
class Book {
  readonly context = Shop;
  readonly input = Order;
  readonly retry = { maxAttempts: 5 };
  readonly timeout = "10s";
  readonly #carrier: (kg: number, key: string) => Promise<string>;
  constructor(carrier: (kg: number, key: string) => Promise<string>) {
    this.#carrier = carrier;
  }
  async run({ input, context, idempotencyKey }: NodeArgs<typeof Order, typeof Shop>) {
    const tracking = await this.#carrier(input.kg, idempotencyKey);
    context.status.set("paid");
    return tracking === "" ? abort("no capacity") : next({ id: input.id, tracking });
  }
}
expectTypeOf(node(new Book(async () => "t"))).toEqualTypeOf<
  Node<InferInput<typeof Order>, { readonly id: string; readonly tracking: string }, typeof Shop.fields>
>();
expectTypeOf<NodeArgs<typeof Order>["context"]>().toEqualTypeOf<LiveContext<NoFields>>();

// Node factories, generic ones included.
const tap = <S extends StandardSchema>(input: S, see: (value: InferOutput<S>) => void) =>
  node({
    input,
    run(args) {
      see(args.input);
      return next(args.input);
    },
  });
expectTypeOf(tap(z.coerce.number<string>(), (n) => expectTypeOf(n).toEqualTypeOf<number>())).toEqualTypeOf<
  Node<string, number>
>();
const counted = <T>(label: string) =>
  node({
    input: unchecked<T>(),
    context: Shop,
    run({ input, context }) {
      context.log.append({ kind: label, id: "" });
      return next(input);
    },
  });
expectTypeOf(counted<boolean>("x")).toEqualTypeOf<Node<boolean, boolean, typeof Shop.fields>>();
const http = <S extends StandardSchema>(response: S, get: (path: string) => Promise<InferInput<S>>) =>
  node({
    input: unchecked<{ path: string }>(),
    output: response,
    async run({ input }) {
      return next(await get(input.path));
    },
  });
expectTypeOf(http(z.object({ n: z.coerce.number<string>() }), async () => ({ n: "1" }))).toEqualTypeOf<
  Node<{ path: string }, { n: number }>
>();

// Ready-made nodes.
expectTypeOf(split(z.object({ tags: z.array(z.string()) }), ({ tags }) => tags)).toEqualTypeOf<
  Node<{ tags: string[] }, string>
>();
split(
  z.number(),
  // @ts-expect-error a split gives a list
  (n) => n,
);

// A library may promise less than a node gives.
export const promised: Node<number, number> = free;
export const anything: Transition = next(1);
