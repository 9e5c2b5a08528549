import { describe, expect, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { context, field } from "./context/field.ts";
import { fanOuts } from "./graph-checks.ts";
import { join, joinByName } from "./join.ts";
import { node } from "./node.ts";
import { split } from "./ready-made.ts";
import { unchecked } from "./schema.ts";
import { abort, hold, next, nextAll } from "./transition.ts";
import { variant, variantBy } from "./variant.ts";
import { workflow } from "./workflow.ts";
import type { InputOf, OutputOf } from "./workflow-types.ts";

// Whole programs as users write them: each must type-check without a cast, and pass every check when it is built.

describe("an order with payment, retries and a failure edge", () => {
  const OrderContext = context({
    status: field.register<"received" | "validated" | "paid" | "failed_payment">("received"),
    log: field.eventLog<{ kind: string; orderId: string }>(),
    attempts: field.counter(),
  });
  const Order = z.object({
    orderId: z.string(),
    item: z.string(),
    quantity: z.number().int(),
    note: z.string().optional(),
  });
  const Paid = Order.extend({ paid: z.boolean() });
  const validate = node({
    context: OrderContext,
    input: Order,
    run({ input, context }) {
      if (input.quantity === 0) return abort("quantity cannot be zero", { code: "EMPTY_ORDER" });
      context.status.set("validated");
      context.log.append({ kind: "validated", orderId: input.orderId });
      return next(input);
    },
  });
  const payment = node({
    context: OrderContext,
    input: Order,
    output: Paid,
    queue: "payments",
    retry: { maxAttempts: 3, initialBackoff: "50ms", strategy: "linear", retryOn: ({ code }) => code !== "DECLINED" },
    timeout: "10s",
    async run({ input, context, signal, idempotencyKey, step }) {
      context.attempts.add();
      const receipt = await step("charge", async () => ({ id: idempotencyKey, aborted: signal.aborted }));
      return next({ ...input, note: receipt.id, paid: !receipt.aborted });
    },
  });
  const paymentFailed = node({
    context: OrderContext,
    input: Order,
    run({ input, context, error }) {
      context.log.append({ kind: error?.code ?? "unknown", orderId: input.orderId });
      return next({ ...input, paid: false });
    },
  });
  const notify = node({
    input: Paid,
    run: ({ input }) => next(`order ${input.orderId}: ${input.paid ? "paid" : "failed"}` as string),
  });

  it("is a workflow", () => {
    const orders = workflow({
      name: "order-processing",
      version: "1.0.0",
      context: OrderContext,
      nodes: { validate, payment, paymentFailed, notify },
      start: "validate",
      edges: {
        validate: "payment",
        payment: { to: "notify", onFailure: "paymentFailed", onTimeout: "paymentFailed" },
        paymentFailed: "notify",
        notify: [],
      },
    });
    expectTypeOf<OutputOf<typeof orders>>().toEqualTypeOf<string>();
    expectTypeOf<InputOf<typeof orders>>().toEqualTypeOf<z.input<typeof Order>>();
    expect(orders.definition.nodes.payment).toMatchObject({ queue: "payments", timeoutMs: 10_000 });
  });
});

describe("documents: pages fanned out and joined, then parallel branches joined by name", () => {
  const Page = z.object({ doc: z.string(), n: z.number(), text: z.string() });
  const Assembled = z.object({ total: z.number(), text: z.array(z.string()) });
  const Stats = context({ pages: field.counter() });
  const explode = split(z.object({ id: z.string(), pages: z.array(z.string()) }), ({ id, pages }) =>
    pages.map((text, n) => ({ doc: id, n, text })),
  );
  const read = node({
    input: Page,
    context: Stats,
    run({ input, context }) {
      if (input.text === "") return nextAll<typeof input>([]);
      context.pages.add();
      return next(input);
    },
  });
  const assemble = join({
    of: "explode",
    input: Page,
    context: Stats,
    run: ({ inputs, context }) => next({ total: context.pages.value, text: inputs.map(({ text }) => text) }),
  });
  const summarise = node({ input: Assembled, run: ({ input }) => next({ summary: input.text.join("\n") }) });
  const classify = node({ input: Assembled, run: ({ input }) => next({ label: input.total > 3 ? "long" : "short" }) });
  const file = joinByName({
    of: "assemble",
    inputs: {
      summarise: z.object({ summary: z.string() }),
      classify: z.object({ label: z.enum(["long", "short"]) }),
    },
    run: ({ inputs }) => next({ summary: inputs.summarise?.summary ?? "", label: inputs.classify?.label ?? "short" }),
  });

  it("is a workflow whose join is the fan-out of another", () => {
    const documents = workflow({
      name: "documents",
      version: "1.0.0",
      context: Stats,
      nodes: { explode, read, assemble, summarise, classify, file },
      start: "explode",
      edges: {
        explode: "read",
        read: "assemble",
        assemble: ["summarise", "classify"],
        summarise: "file",
        classify: "file",
        file: [],
      },
    });
    expectTypeOf<OutputOf<typeof documents>["label"]>().toEqualTypeOf<"long" | "short">();
    expect([...fanOuts(documents.definition)]).toEqual([
      ["assemble", ["file"]],
      ["explode", ["assemble"]],
    ]);
  });
});

describe("an agent that calls tools in parallel until it is done", () => {
  type Message = { role: "user" | "assistant"; text: string } | { role: "tool"; call: string; result: string };
  const Agent = context({ messages: field.eventLog<Message>(), turns: field.counter() });
  const Search = z.object({ name: z.literal("search"), id: z.string(), args: z.object({ q: z.string() }) });
  const Calc = z.object({ name: z.literal("calc"), id: z.string(), args: z.object({ expr: z.string() }) });
  const ToolCall = z.discriminatedUnion("name", [Search, Calc]);
  const ask = async (messages: readonly Message[]): Promise<{ text: string; calls: z.output<typeof ToolCall>[] }> => ({
    text: `${messages.length}`,
    calls: [],
  });
  const think = node({
    input: unchecked<null>(),
    context: Agent,
    timeout: "2m",
    async run({ context, step }) {
      context.turns.add();
      if (context.turns.value > 20) return abort("too many turns", { code: "TURNS" });
      const reply = await step("ask", () => ask(context.messages.events));
      if (reply.calls.length === 0) return next(variant("done", reply.text));
      return nextAll(reply.calls.map((call) => variantBy("name", call)));
    },
  });
  const search = node({ input: Search, context: Agent, run: ({ input }) => next(input.args.q) });
  const calc = node({ input: Calc, context: Agent, run: ({ input }) => next(input.args.expr) });
  const observe = join({ of: "think", input: unchecked<string>(), run: () => next() });

  it("is a workflow with a loop through a fan-out and its join", () => {
    const agent = workflow({
      name: "agent",
      version: "1.0.0",
      context: Agent,
      maxItems: 1_000,
      completion: "first",
      nodes: { think, search, calc, observe },
      start: "think",
      edges: {
        think: { route: { search: "search", calc: "calc", done: [] } },
        search: { to: "observe", onFailure: "search" },
        calc: "observe",
        observe: "think",
      },
    });
    expectTypeOf<OutputOf<typeof agent>>().toEqualTypeOf<string>();
    expectTypeOf<InputOf<typeof agent>>().toEqualTypeOf<null>();
    expect(agent.definition.maxItems).toBe(1_000);
  });
});

describe("a scan of repositories: nested fan-outs, routes with guards, branches that end early", () => {
  const File = z.object({ path: z.string(), size: z.number() });
  const Report = z.object({ path: z.string(), problems: z.number() });
  const repositories = split(z.array(z.object({ name: z.string(), files: z.array(File) })), (all) => all);
  const files = node({
    input: z.object({ name: z.string(), files: z.array(File) }),
    run: ({ input }) => nextAll(input.files),
  });
  const detect = node({
    input: File,
    run({ input }) {
      if (input.size === 0) return nextAll<never>([]);
      if (input.path.endsWith(".ts")) return next(variant("code", input));
      return input.path.endsWith(".md") ? next(variant("text", { path: input.path })) : next(variant("binary", input));
    },
  });
  const lint = node({ input: File, run: ({ input }) => next({ path: input.path, problems: 1 }) });
  const spell = node({
    input: z.object({ path: z.string() }),
    run: ({ input }) => next({ path: input.path, problems: 0 }),
  });
  const perRepository = join({
    of: "files",
    input: Report,
    run: ({ inputs }) => next(inputs.reduce((n, r) => n + r.problems, 0)),
  });
  const total = join({ of: "repositories", input: z.number(), run: ({ inputs }) => next({ each: [...inputs] }) });

  it("is a workflow", () => {
    const scan = workflow({
      name: "scan",
      version: "1.0.0",
      nodes: { repositories, files, detect, lint, lintBig: lint, spell, perRepository, total },
      start: "repositories",
      edges: {
        repositories: "files",
        files: "detect",
        detect: {
          route: {
            code: [
              { name: "large", when: (file) => file.size > 1_000, to: "lintBig" },
              { when: (file) => file.path.length > 3, to: ["lint", "spell"] },
              { to: "lint" },
            ],
            "*": "spell",
          },
          onFailure: "lint",
        },
        lint: "perRepository",
        lintBig: "perRepository",
        spell: "perRepository",
        perRepository: "total",
        total: [],
      },
    });
    expectTypeOf<OutputOf<typeof scan>>().toEqualTypeOf<{ readonly each: number[] }>();
    expect(scan.definition.edges.detect?.route?.code).toEqual([
      { when: "large", to: ["lintBig"] },
      { when: "guard-2", to: ["lint", "spell"] },
      { to: ["lint"] },
    ]);
  });
});

describe("a quorum: a free join that decides from the context", () => {
  const Votes = context({ votes: field.set<string>(), decided: field.register(false) });
  const ask = split(z.array(z.string()), (voters) => voters);
  const count = node({
    input: z.string(),
    context: Votes,
    serializable: true,
    run({ input, context }) {
      context.votes.add(input);
      if (context.decided.value || context.votes.size < 2) return hold();
      context.decided.set(true);
      return next([...context.votes]);
    },
  });

  it("is a workflow without any branch group", () => {
    const quorum = workflow({
      name: "quorum",
      version: "1",
      context: Votes,
      nodes: { ask, count },
      start: "ask",
      edges: { ask: "count", count: [] },
    });
    expectTypeOf<OutputOf<typeof quorum>>().toEqualTypeOf<string[]>();
    expect(fanOuts(quorum.definition).size).toBe(0);
    expect(quorum.definition.nodes.count?.serializable).toBe(true);
  });
});
