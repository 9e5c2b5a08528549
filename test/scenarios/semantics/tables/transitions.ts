/** What a node may return, and what comes of each, as runs of the smallest workflows that show it. */

import { abort, hold, next, nextAll, node, type Transition, unchecked, workflow } from "../../../../src/index.ts";
import type { Scenario } from "../scenario.ts";

const relay = node({ input: unchecked<number>(), run: ({ input }) => next(input) });
const double = node({ input: unchecked<number>(), run: ({ input }) => next(input * 2) });
const negate = node({ input: unchecked<number>(), run: ({ input }) => next(-input) });

const toBoth = workflow({
  name: "next-to-both",
  version: "1",
  completion: "all",
  nodes: { relay, double, negate },
  start: "relay",
  edges: { relay: ["double", "negate"], double: [], negate: [] },
});

const ofNothing = workflow({
  name: "next-of-nothing",
  version: "1",
  nodes: {
    silent: node({ input: unchecked<number>(), run: () => next() }),
    told: node({ input: unchecked<null>(), run: ({ input }) => next({ told: input }) }),
  },
  start: "silent",
  edges: { silent: "told", told: [] },
});

const scatter = node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) });

const scattered = workflow({
  name: "next-all-to-both",
  version: "1",
  completion: "all",
  nodes: { scatter, double, negate },
  start: "scatter",
  edges: { scatter: ["double", "negate"], double: [], negate: [] },
});

const scatteredAtTheEnd = workflow({
  name: "next-all-at-the-end",
  version: "1",
  completion: "all",
  nodes: { scatter },
  start: "scatter",
  edges: { scatter: [] },
});

const inTime = workflow({
  name: "next-with-delay",
  version: "1",
  nodes: {
    first: node({ input: unchecked<number>(), run: ({ input }) => next(input, { delay: "20ms", priority: -3 }) }),
    double,
  },
  start: "first",
  edges: { first: "double", double: [] },
});

const awaited = workflow({
  name: "promises-of-transitions",
  version: "1",
  nodes: {
    later: node({
      input: unchecked<number>(),
      async run({ input }) {
        await Promise.resolve();
        return next(input + 1);
      },
    }),
    double,
  },
  start: "later",
  edges: { later: "double", double: [] },
});

/** A node that ends as its input tells it to. */
const ending = node({
  input: unchecked<string>(),
  retry: { maxAttempts: 3, initialBackoff: 1, retryOn: ["all", "NAMED"] },
  run({ input, attempt }) {
    switch (input) {
      case "abort":
        return abort("no more");
      case "abort with details":
        return abort("not enough", { code: "TOO_LITTLE", details: { wanted: 3, given: [1, 2] } });
      case "abort by error":
        return abort(Object.assign(new Error("disk gone"), { code: "EIO" }));
      case "abort as named":
        return attempt < 3 ? abort("once more", { code: "NAMED" }) : next(attempt);
      case "throw text":
        throw thrown("just text");
      case "throw nothing":
        throw thrown(undefined);
      case "throw null":
        throw thrown(null);
      case "throw object":
        throw thrown({ code: 7, message: ["not", "text"] });
      default:
        throw Object.assign(new TypeError("as usual"), { code: "MY_CODE" });
    }
  },
});

/** Bodies are free to throw anything; the linter is not told. */
function thrown(what: unknown): Error {
  return what as Error;
}

const endings = workflow({
  name: "endings",
  version: "1",
  nodes: { ending },
  start: "ending",
  edges: { ending: [] },
});

/** What bodies without types may return. */
const untyped: Readonly<Record<string, string>> = {
  nothing: "null",
  "a plain value": "42",
  "a hold in a node that is not serializable": '{"kind":"hold"}',
  "an unknown transition": '{"kind":"jump","value":1}',
  "an emission with a negative delay": '{"kind":"next","value":1,"delayMs":-1}',
  "an emission of no list": '{"kind":"nextAll","values":{"length":1}}',
};

const lying = workflow({
  name: "lying",
  version: "1",
  nodes: {
    liar: node({
      input: unchecked<string>(),
      run({ input }): Transition<number> & { kind: "next" } {
        return JSON.parse(input);
      },
    }),
  },
  start: "liar",
  edges: { liar: [] },
});

const holding = workflow({
  name: "holding-alone",
  version: "1",
  nodes: {
    relay,
    gate: node({ input: unchecked<number>(), serializable: true, run: ({ input }) => (input > 0 ? hold() : next(0)) }),
  },
  start: "relay",
  edges: { relay: "gate", gate: [] },
});

function failing(title: string, input: string, code: string, message: RegExp, details?: unknown): Scenario {
  return {
    title,
    workflow: endings,
    input,
    expected: {
      failure: { code, message, node: "ending", attempt: 1, ...(details === undefined ? {} : { details }) },
      errors: [`ending#1 ${code} failed`],
      items: { ending: { permanently_failed: 1 } },
    },
  };
}

export const transitions: readonly Scenario[] = [
  {
    title: "next gives each successor one item with the value",
    workflow: toBoth,
    input: 21,
    expected: {
      output: [42, -21],
      items: { relay: { completed: 1 }, double: { completed: 1 }, negate: { completed: 1 } },
    },
  },
  { title: "next without a value emits null", workflow: ofNothing, input: 1, expected: { output: { told: null } } },
  {
    title: "nextAll gives each successor one item per value, in order",
    workflow: scattered,
    input: [1, 2, 3],
    expected: { output: [2, -1, 4, -2, 6, -3], items: { double: { completed: 3 }, negate: { completed: 3 } } },
  },
  {
    title: "every value of a terminal nextAll is an output",
    workflow: scatteredAtTheEnd,
    input: [3, 1, 2],
    expected: { output: [3, 1, 2] },
  },
  {
    title: "nextAll of nothing emits nothing",
    workflow: scattered,
    input: [],
    expected: { output: [], items: { scatter: { completed: 1 }, double: {}, negate: {} } },
  },
  { title: "next with a delay and a priority still arrives", workflow: inTime, input: 4, expected: { output: 8 } },
  { title: "a body may return a promise", workflow: awaited, input: 4, expected: { output: 10 } },
  {
    title: "hold consumes its item and emits nothing",
    workflow: holding,
    input: 1,
    expected: { failure: { code: "RUN_STUCK", message: /held at "gate"/ }, items: { gate: { held: 1 } } },
  },
  failing("abort fails the attempt and is not retried, though the policy says all", "abort", "ABORTED", /^no more$/),
  failing("abort carries its code and details", "abort with details", "TOO_LITTLE", /^not enough$/, {
    wanted: 3,
    given: [1, 2],
  }),
  failing("abort with an error takes its message and code", "abort by error", "EIO", /^disk gone$/),
  {
    title: "abort is retried where the policy names its code",
    workflow: endings,
    input: "abort as named",
    expected: { output: 3, errors: ["ending#1 NAMED retried", "ending#2 NAMED retried"] },
  },
  ...[
    ["text", "throw text", "ERROR", /just text/],
    ["nothing at all", "throw nothing", "ERROR", /undefined/],
    ["null", "throw null", "ERROR", /null/],
    ["an object that only looks like an error", "throw object", "ERROR", /./],
    ["an error with a code of its own", "throw", "MY_CODE", /^as usual$/],
  ].map(
    ([what, input, code, message]): Scenario => ({
      title: `a body that throws ${String(what)} fails its item only`,
      workflow: endings,
      input,
      expected: {
        failure: { code: String(code), message: message instanceof RegExp ? message : undefined, attempt: 3 },
        errors: [
          `ending#1 ${String(code)} retried`,
          `ending#2 ${String(code)} retried`,
          `ending#3 ${String(code)} failed`,
        ],
      },
    }),
  ),
  ...Object.entries(untyped).map(
    ([what, input]): Scenario => ({
      title: `a body that returns ${what} fails with INVALID_OUTPUT`,
      workflow: lying,
      input,
      expected: { failure: { code: "INVALID_OUTPUT", node: "liar" }, errors: ["liar#1 INVALID_OUTPUT failed"] },
    }),
  ),
  {
    title: "outputs of concurrent branches come in branch order, whoever is first",
    workflow: scattered,
    input: Array.from({ length: 40 }, (_, at) => at),
    expected: { output: Array.from({ length: 40 }, (_, at) => [at * 2, at === 0 ? -0 : -at]).flat() },
  },
];
