/** What becomes of a failed item: the failure edge, other edges for lack of time, and the run. */

import { setTimeout as passed } from "node:timers/promises";
import {
  abort,
  type Failure,
  next,
  nextAll,
  node,
  type StandardSchema,
  unchecked,
  variant,
  workflow,
} from "../../../../src/index.ts";
import type { Scenario } from "../scenario.ts";

/** What a node on a failure edge is told, and what it is given. */
const tell = node({ input: unchecked<string>(), run: ({ input, error }) => next({ input, error: told(error) }) });

function told(error: Failure | undefined) {
  if (error === undefined) return null;
  const { code, message, node: failed, attempt, details = null } = error;
  return { code, message, node: failed, attempt, details };
}

const shaky = node({
  input: unchecked<string>(),
  retry: { maxAttempts: 3, initialBackoff: 1, strategy: "fixed" },
  run({ input }) {
    if (input === "well") return next(input);
    if (input === "abort") return abort("no use", { code: "NO_USE", details: { why: [1] } });
    throw new Error(`cannot ${input}`);
  },
});

const caught = workflow({
  name: "failure-edge",
  version: "1",
  nodes: { shaky, fine: node({ input: unchecked<string>(), run: ({ input }) => next({ fine: input }) }), tell },
  start: "shaky",
  edges: { shaky: { to: "fine", onFailure: "tell" }, fine: [], tell: [] },
});

const caughtTwice = workflow({
  name: "failure-edge-to-several",
  version: "1",
  completion: "all",
  nodes: {
    shaky,
    tell,
    count: node({ input: unchecked<string>(), run: ({ input, error }) => next([input, error?.attempt ?? 0]) }),
  },
  start: "shaky",
  edges: { shaky: { to: [], onFailure: ["tell", "count"] }, tell: [], count: [] },
});

const chained = workflow({
  name: "failure-edge-of-a-failure-edge",
  version: "1",
  nodes: {
    shaky,
    mend: node({
      input: unchecked<string>(),
      run({ input, error }) {
        if (input === "break all") throw new Error(`after ${error?.code}`);
        return abort("not mine");
      },
    }),
    tell,
  },
  start: "shaky",
  edges: { shaky: { to: [], onFailure: "mend" }, mend: { to: [], onFailure: "tell" }, tell: [] },
});

const uncaught = workflow({
  name: "failure-of-a-failure-edge",
  version: "1",
  nodes: {
    shaky,
    mend: node({
      input: unchecked<string>(),
      run({ error }) {
        throw new Error(`gave up on ${error?.message}`);
      },
    }),
  },
  start: "shaky",
  edges: { shaky: { to: [], onFailure: "mend" }, mend: [] },
});

/** Back to where it came from, with the error told. */
const again = workflow({
  name: "failure-edge-that-loops",
  version: "1",
  nodes: {
    work: node({
      input: unchecked<number>(),
      run({ input, error }) {
        if (input > 0) throw new Error(`${input}`);
        return next(error === undefined ? "no error is told" : error.message);
      },
    }),
    lower: node({ input: unchecked<number>(), run: ({ input }) => next(input - 1) }),
  },
  start: "work",
  edges: { work: { to: [], onFailure: "lower" }, lower: "work" },
});

/** Waits for its signal, which the attempt's end sets off. */
const slow = node({
  input: unchecked<string>(),
  timeout: "40ms",
  async run({ input, signal }) {
    await passed(60_000, undefined, { signal }).catch(() => undefined);
    return next(`too late for ${input}`);
  },
});

const outOfTime = workflow({
  name: "timeout-edge",
  version: "1",
  nodes: {
    slow,
    late: node({ input: unchecked<string>(), run: ({ input, error }) => next([input, error?.code ?? ""]) }),
    tell,
  },
  start: "slow",
  edges: { slow: { to: [], onTimeout: "late", onFailure: "tell" }, late: [], tell: [] },
});

const outOfTimeFallback = workflow({
  name: "timeout-by-the-failure-edge",
  version: "1",
  nodes: {
    slow,
    late: node({ input: unchecked<string>(), run: ({ input, error }) => next([input, error?.code ?? ""]) }),
  },
  start: "slow",
  edges: { slow: { to: [], onFailure: "late" }, late: [] },
});

const outOfTimeForGood = workflow({
  name: "timeout-without-an-edge",
  version: "1",
  nodes: { slow },
  start: "slow",
  edges: { slow: [] },
});

/** Of ten items three fail and are caught; their successors are items like all others. */
const manyCaught = workflow({
  name: "failure-edge-among-many",
  version: "1",
  completion: "all",
  nodes: {
    feed: node({
      input: unchecked<number>(),
      run: ({ input }) => nextAll(Array.from({ length: input }, (_, at) => at)),
    }),
    pick: node({
      input: unchecked<number>(),
      run({ input }) {
        if (input % 3 === 1) throw new Error("every third");
        return next(input % 3 === 2 ? variant("left", input) : variant("right", input));
      },
    }),
    caught: node({ input: unchecked<number>(), run: ({ input, error }) => next(`${input} ${error?.message ?? ""}`) }),
    left: node({ input: unchecked<number>(), run: ({ input }) => next(`${input} left`) }),
  },
  start: "feed",
  edges: { feed: "pick", pick: { route: { left: "left", right: [] }, onFailure: "caught" }, caught: [], left: [] },
});

const fitsNothing: StandardSchema<string, string> = {
  "~standard": {
    version: 1,
    vendor: "scenario",
    validate: () => ({ issues: [{ message: "never fits", path: ["a", 0] }] }),
  },
};

/** An input that the node's schema refuses reaches the failure edge as it came. */
const refused = workflow({
  name: "failure-edge-of-a-refused-input",
  version: "1",
  nodes: {
    give: node({ input: unchecked<string>(), run: ({ input }) => next(input) }),
    take: node({
      input: fitsNothing,
      run: () => next("unreachable"),
    }),
    tell,
  },
  start: "give",
  edges: { give: "take", take: { to: [], onFailure: "tell" }, tell: [] },
});

const thrice = (code: string, last: string) => [
  `shaky#1 ${code} retried`,
  `shaky#2 ${code} retried`,
  `shaky#3 ${code} ${last}`,
];

export const failures: readonly Scenario[] = [
  {
    title: "an item that does well never takes its failure edge",
    workflow: caught,
    input: "well",
    expected: { output: { fine: "well" }, items: { tell: {} }, errors: [] },
  },
  {
    title: "the failure edge comes after all retries, with the input of the failed node and its last error",
    workflow: caught,
    input: "lift",
    expected: {
      output: {
        input: "lift",
        error: { code: "ERROR", message: "cannot lift", node: "shaky", attempt: 3, details: null },
      },
      items: { shaky: { failed: 1 }, tell: { completed: 1 }, fine: {} },
      errors: thrice("ERROR", "failedOver"),
    },
  },
  {
    title: "abort takes the failure edge at once, with its code and details",
    workflow: caught,
    input: "abort",
    expected: {
      output: {
        input: "abort",
        error: { code: "NO_USE", message: "no use", node: "shaky", attempt: 1, details: { why: [1] } },
      },
      errors: ["shaky#1 NO_USE failedOver"],
    },
  },
  {
    title: "a failure edge with several successors gives each a copy",
    workflow: caughtTwice,
    input: "run",
    expected: {
      output: [
        { input: "run", error: { code: "ERROR", message: "cannot run", node: "shaky", attempt: 3, details: null } },
        ["run", 3],
      ],
    },
  },
  {
    title: "a failure edge may fail over itself, and tells the last failure",
    workflow: chained,
    input: "hold",
    expected: {
      output: {
        input: "hold",
        error: { code: "ABORTED", message: "not mine", node: "mend", attempt: 1, details: null },
      },
      errors: [...thrice("ERROR", "failedOver"), "mend#1 ABORTED failedOver"],
    },
  },
  {
    title: "a failure in the node of a failure edge is that node's own",
    workflow: chained,
    input: "break all",
    expected: {
      output: {
        input: "break all",
        error: { code: "ERROR", message: "after ERROR", node: "mend", attempt: 1, details: null },
      },
    },
  },
  {
    title: "a failure that nobody catches fails the run",
    workflow: uncaught,
    input: "fly",
    expected: {
      failure: { code: "ERROR", message: /^gave up on cannot fly$/, node: "mend", attempt: 1 },
      items: { shaky: { failed: 1 }, mend: { permanently_failed: 1 } },
    },
  },
  {
    title: "the error is told to the successor of the failure edge alone",
    workflow: again,
    input: 2,
    expected: { output: "no error is told", items: { work: { failed: 2, completed: 1 }, lower: { completed: 2 } } },
  },
  {
    title: "an attempt that runs out of time takes the timeout edge",
    workflow: outOfTime,
    input: "tea",
    expected: { output: ["tea", "TIMEOUT"], errors: ["slow#1 TIMEOUT failedOver"] },
  },
  {
    title: "without a timeout edge it takes the failure edge",
    workflow: outOfTimeFallback,
    input: "tea",
    expected: { output: ["tea", "TIMEOUT"] },
  },
  {
    title: "without either the run fails with TIMEOUT",
    workflow: outOfTimeForGood,
    input: "tea",
    expected: { failure: { code: "TIMEOUT", message: /40 ?ms/, node: "slow", attempt: 1 } },
  },
  {
    title: "items that fail among many disturb none of the others",
    workflow: manyCaught,
    input: 9,
    expected: {
      output: [0, "1 every third", "2 left", 3, "4 every third", "5 left", 6, "7 every third", "8 left"],
      items: { pick: { completed: 6, failed: 3 } },
    },
  },
  {
    title: "an input that does not fit is told on the failure edge, and handed over as it came",
    workflow: refused,
    input: "square",
    expected: {
      output: {
        input: "square",
        error: {
          code: "INVALID_INPUT",
          message: 'the input of node "take" does not fit its schema: a[0]: never fits',
          node: "take",
          attempt: 1,
          details: { issues: ["a[0]: never fits"] },
        },
      },
    },
  },
];
