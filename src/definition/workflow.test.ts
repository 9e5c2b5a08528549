import * as valibot from "valibot";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isMillraceError } from "../core/errors.ts";
import type { AttemptArgs } from "./attempt.ts";
import { context, field } from "./context/field.ts";
import { node } from "./node.ts";
import { unchecked } from "./schema.ts";
import { hold, next } from "./transition.ts";
import { variant } from "./variant.ts";
import { dynamicWorkflow, workflow } from "./workflow.ts";

const number = node({ input: z.number(), run: ({ input }) => next(input) });

/** The problems that building something ends with. */
function problemsOf(build: () => unknown): readonly string[] {
  try {
    build();
  } catch (thrown) {
    if (!isMillraceError(thrown, "INVALID_WORKFLOW")) throw thrown;
    const { details } = thrown;
    if (typeof details === "object" && details !== null && "problems" in details && Array.isArray(details.problems)) {
      for (const problem of details.problems) expect(thrown.message).toContain(problem);
      return details.problems;
    }
  }
  return [];
}

/** Builds what the compiler would not let through. */
function problemsOfAny(description: unknown): readonly string[] {
  return problemsOf(() => Reflect.apply(dynamicWorkflow, undefined, [description]));
}

describe("a workflow", () => {
  const Orders = context({ paid: field.counter(), log: field.eventLog<string>() });
  const check = node({
    input: z.number(),
    context: Orders,
    run: ({ input }) => next(variant(input > 9 ? "large" : "small", input)),
  });
  const orders = workflow({
    name: "orders",
    version: "1.0.0",
    context: Orders,
    nodes: { check, pay: number, failed: number },
    start: "check",
    timeout: "1h",
    retry: { maxAttempts: 2 },
    edges: {
      check: {
        route: {
          large: [
            { name: "paid before", when: (amount, { context }) => amount < context.paid.value, to: "pay" },
            { to: [] },
          ],
          "*": "pay",
        },
        onFailure: "failed",
      },
      pay: [],
      failed: [],
    },
  });

  it("shows its graph as frozen JSON, with the defaults filled in", () => {
    expect(JSON.parse(JSON.stringify(orders.definition))).toEqual({
      format: 1,
      name: "orders",
      version: "1.0.0",
      start: "check",
      completion: "single",
      timeoutMs: 3_600_000,
      maxItems: 100_000,
      context: {
        fields: [
          { name: "log", kind: "eventLog" },
          { name: "paid", kind: "counter" },
        ],
        hash: orders["~runtime"].context.hash,
      },
      nodes: {
        check: { kind: "node", queue: "default", labels: [], priority: 0, timeoutMs: 3_600_000, serializable: false },
        failed: { kind: "node", queue: "default", labels: [], priority: 0, timeoutMs: 3_600_000, serializable: false },
        pay: { kind: "node", queue: "default", labels: [], priority: 0, timeoutMs: 3_600_000, serializable: false },
      },
      edges: {
        check: {
          route: { "*": [{ to: ["pay"] }], large: [{ when: "paid before", to: ["pay"] }, { to: [] }] },
          onFailure: ["failed"],
        },
        failed: { to: [{ to: [] }] },
        pay: { to: [{ to: [] }] },
      },
    });
    expect(orders.hash).toMatch(/^[0-9a-f]{32}$/);
    for (const part of [orders, orders.definition, orders.definition.nodes.pay, orders.definition.edges.check?.route]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it("keeps its code beside the graph: bodies, schemas, guards, retry", () => {
    const runtime = orders["~runtime"];
    expect([...runtime.nodes.keys()]).toEqual(["check", "failed", "pay"]);
    expect(runtime.nodes.get("check")).toMatchObject({ kind: "node", context: [{ name: "log" }, { name: "paid" }] });
    expect(runtime.retry).toEqual({ maxAttempts: 2 });
    const byPlace = runtime.guards("check", "route:large", 0);
    expect(byPlace?.(5, { context: { paid: { value: 6 } } })).toBe(true);
    expect(byPlace?.(7, { context: { paid: { value: 6 } } })).toBe(false);
    expect(runtime.guards("check", "route:large", "paid before")).toBe(byPlace);
    expect(runtime.guards("check", "route:large", 1)).toBeUndefined();
    expect(runtime.guards("check", "to", 0)).toBeUndefined();
    expect(runtime.guards("nowhere", "to", 0)).toBeUndefined();
  });

  it("calls a class node's body with the instance", async () => {
    class Doubler {
      readonly input = valibot.number();
      readonly #factor: number;
      constructor(factor: number) {
        this.#factor = factor;
      }
      run({ input }: { readonly input: number }) {
        return next(input * this.#factor);
      }
    }
    const doubled = workflow({
      name: "d",
      version: "1",
      nodes: { double: node(new Doubler(2)) },
      start: "double",
      edges: { double: [] },
    });
    const args: AttemptArgs = {
      signal: new AbortController().signal,
      runId: "r",
      itemId: "i",
      attempt: 1,
      idempotencyKey: "k",
      error: undefined,
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      heartbeat: ignore,
      step: async (_name, fn) => await fn(),
      metric: ignore,
      context: {},
      input: 21,
    };
    const runtimeOf = (name: string) => doubled["~runtime"].nodes.get(name);
    expect(await runtimeOf("double")?.run(args)).toEqual({ kind: "next", value: 42 });
  });

  it("takes over the runs of older definitions that fit, by workflow or by hash", () => {
    const older = workflow({ name: "o", version: "1", nodes: { a: number }, start: "a", edges: { a: [] } });
    const hash = "0123456789abcdef0123456789abcdef";
    const newer = workflow({
      name: "o",
      version: "2",
      nodes: { a: number, b: number },
      start: "a",
      edges: { a: "b", b: [] },
      compatible: [older, hash, older.hash],
    });
    expect(newer.compatible).toEqual([hash, older.hash].sort());
  });

  it("may have nodes named like built-in properties", () => {
    const odd = dynamicWorkflow({
      name: "constructor",
      version: "1",
      nodes: { constructor: number, toString: number, hasOwnProperty: number },
      start: "constructor",
      edges: { constructor: "toString", toString: "hasOwnProperty", hasOwnProperty: [] },
    });
    expect(Object.keys(odd.definition.nodes)).toEqual(["constructor", "hasOwnProperty", "toString"]);
    expect(
      problemsOfAny({ name: "w", version: "1", nodes: { a: number }, start: "a", edges: { a: "toString" } }),
    ).toEqual(['edge of "a": there is no node named "toString"']);
  });
});

describe("a node", () => {
  it("may be used in several workflows, and twice in one", () => {
    const twice = workflow({
      name: "w",
      version: "1",
      nodes: { a: number, b: number },
      start: "a",
      edges: { a: "b", b: [] },
    });
    expect(twice["~runtime"].nodes.get("a")).toBe(twice["~runtime"].nodes.get("b"));
  });

  it("leaves other properties of a class instance alone", () => {
    class Odd {
      readonly input = unchecked<number>();
      readonly serializable = true;
      readonly timeuot = "3s";
      run() {
        return hold();
      }
    }
    expect(
      problemsOf(() =>
        workflow({ name: "w", version: "1", nodes: { a: node(new Odd()) }, start: "a", edges: { a: [] } }),
      ),
    ).toEqual([]);
  });
});

function ignore(): void {
  // A node under test may log and measure; nobody listens.
}
