/** Failed attempts: which are made again, what they have in common, and what is left of each. */

import {
  abort,
  context,
  field,
  MillraceError,
  NonRetryableError,
  next,
  node,
  RetryAfterError,
  type RetryPolicy,
  retryInProcess,
  unchecked,
  workflow,
} from "../../../../src/index.ts";
import type { Scenario } from "../scenario.ts";

const quick = { maxAttempts: 4, initialBackoff: 1, maxBackoff: 3 } as const;

const Effects = context({ log: field.eventLog<string>(), tries: field.counter(), last: field.register<number>(0) });

/** Fails until its third attempt, after having made its changes and measurements. */
const third = workflow({
  name: "third-time-lucky",
  version: "1",
  context: Effects,
  nodes: {
    work: node({
      context: Effects,
      input: unchecked<string>(),
      retry: quick,
      async run({ input, attempt, idempotencyKey, itemId, context: effects, metric, step }) {
        effects.log.append(`attempt ${attempt}`);
        effects.tries.add();
        effects.last.set(attempt);
        metric("tries", 1);
        const before = await step("key", () => idempotencyKey);
        if (attempt < 3) throw new Error(`attempt ${attempt} of ${input}`);
        return next({ attempt, sameKey: before === idempotencyKey, isItem: idempotencyKey === itemId });
      },
    }),
  },
  start: "work",
  edges: { work: [] },
});

/** What each step did in the attempt that succeeds at last. */
const steps = workflow({
  name: "steps-over-attempts",
  version: "1",
  nodes: {
    work: node({
      input: unchecked<null>(),
      retry: quick,
      async run({ attempt, step }) {
        const made: string[] = [];
        const once = await step("once", () => {
          made.push("once");
          return { attempt, bytes: new Uint8Array([1, 2, attempt]) };
        });
        await step("nothing", () => void made.push("nothing"));
        if (attempt === 1) throw new Error("after two steps");
        const shaky = await step("shaky", () => {
          made.push("shaky");
          if (attempt < 3) throw new Error("a step that fails is not kept");
          return attempt;
        });
        return next({ attempt, made, once: { attempt: once.attempt, bytes: [...once.bytes] }, shaky });
      },
    }),
  },
  start: "work",
  edges: { work: [] },
});

const sameStepTwice = workflow({
  name: "one-step-twice",
  version: "1",
  nodes: {
    work: node({
      input: unchecked<null>(),
      async run({ step }) {
        await step("same", () => 1);
        return next(await step("same", () => 2));
      },
    }),
  },
  start: "work",
  edges: { work: [] },
});

let policies = 0;

/** One node that throws what its input says, with a policy of its own. */
function policed(retry: RetryPolicy | false) {
  policies += 1;
  return workflow({
    name: `policy-${policies}`,
    version: "1",
    nodes: {
      work: node({
        input: unchecked<string>(),
        retry,
        run({ input, attempt }) {
          switch (input) {
            case "final":
              throw new NonRetryableError("never again");
            case "after":
              if (attempt < 3) throw new RetryAfterError("come back", "2ms");
              return next(attempt);
            case "abort":
              return abort("enough", { code: "ENOUGH" });
            case "cancelled":
              throw new DOMException("given up", "AbortError");
            case "millrace":
              throw new MillraceError("PAYLOAD_TOO_LARGE", "too large");
            default:
              throw Object.assign(new Error("coded"), { code: input });
          }
        },
      }),
    },
    start: "work",
    edges: { work: [] },
  });
}

const byDefault = policed(quick);
const fixed = policed({ ...quick, maxAttempts: 2, strategy: "fixed" });
const linear = policed({ ...quick, strategy: "linear", jitter: "full" });
const exponential = policed({ ...quick, strategy: "exponential", factor: 3, jitter: { fixed: 1 } });
const never = policed(false);
const everything = policed({ ...quick, retryOn: ["all"] });
const namedOnly = policed({ ...quick, retryOn: ["E_ONE", "ENOUGH"] });
const asAsked = policed({ ...quick, retryOn: ({ code }, attempt) => code === "E_ONE" && attempt < 2 });
const throwing = policed({
  ...quick,
  retryOn() {
    throw new Error("a predicate that throws is a no");
  },
});
const cancelledOnly = policed({ ...quick, retryOn: ["cancelled"] });

function failing(title: string, failed: Scenario["workflow"], input: string, code: string, attempts: number): Scenario {
  const retried = Array.from({ length: attempts - 1 }, (_, at) => `work#${at + 1} ${code} retried`);
  return {
    title,
    workflow: failed,
    input,
    expected: {
      failure: { code, attempt: attempts, node: "work" },
      errors: [...retried, `work#${attempts} ${code} failed`],
    },
  };
}

/** The policy of the workflow is for nodes without one; that of a node stands for itself. */
const inherited = workflow({
  name: "policy-of-the-workflow",
  version: "1",
  retry: { maxAttempts: 2, initialBackoff: 1 },
  nodes: {
    first: node({
      input: unchecked<null>(),
      run({ attempt }) {
        if (attempt < 2) throw new Error("first");
        return next(null);
      },
    }),
    second: node({
      input: unchecked<null>(),
      retry: false,
      run() {
        throw new Error("second");
      },
    }),
  },
  start: "first",
  edges: { first: "second", second: [] },
});

const rejecting = workflow({
  name: "a-rejection-that-nobody-awaits",
  version: "1",
  completion: "all",
  nodes: {
    spread: node({ input: unchecked<null>(), run: () => next(null) }),
    careless: node({
      input: unchecked<null>(),
      async run({ attempt, signal }) {
        if (attempt === 1) {
          void Promise.reject(new Error("nobody awaits it"));
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        }
        return next(attempt);
      },
      retry: quick,
      timeout: "30s",
    }),
    beside: node({ input: unchecked<null>(), run: () => next("well") }),
  },
  start: "spread",
  edges: { spread: ["careless", "beside"], careless: [], beside: [] },
});

/** Tries again inside of one attempt, and then by the policy of the node that wraps it. */
function wrapped(failures: number) {
  let calls = 0;
  return workflow({
    name: `wrapped-${failures}`,
    version: "1",
    context: Effects,
    nodes: {
      work: retryInProcess(
        node({
          context: Effects,
          input: unchecked<null>(),
          run({ attempt, context: effects }) {
            effects.log.append("called");
            calls += 1;
            if (calls % (failures + 1) !== 0) throw new Error(`call ${calls}`);
            return next(attempt);
          },
        }),
        { maxAttempts: 3, initialBackoff: 1 },
      ),
    },
    start: "work",
    edges: { work: [] },
  });
}

const wrappedTwice = wrapped(2);

export const retries: readonly Scenario[] = [
  {
    title: "a node that is retried in its process takes one attempt, and what failed in it leaves nothing",
    workflow: wrappedTwice,
    input: null,
    expected: { output: 1, errors: [], context: { log: ["called"] } },
  },
  {
    title: "a failed attempt leaves nothing but its record; the key is the same on each",
    workflow: third,
    input: "luck",
    expected: {
      output: { attempt: 3, sameKey: true, isItem: true },
      context: { log: ["attempt 3"], tries: 1, last: 3 },
      metrics: { tries: 1 },
      errors: ["work#1 ERROR retried", "work#2 ERROR retried"],
      items: { work: { completed: 1 } },
    },
  },
  {
    title: "results of steps are kept over attempts, those that failed are not",
    workflow: steps,
    expected: { output: { attempt: 3, made: ["shaky"], once: { attempt: 1, bytes: [1, 2, 1] }, shaky: 3 } },
  },
  {
    title: "a name for two steps of one attempt is refused",
    workflow: sameStepTwice,
    expected: { failure: { code: "INVALID_VALUE", message: /two steps named "same"/ } },
  },
  failing("a generic error is retried until its attempts are used up", byDefault, "E_ANY", "E_ANY", 4),
  failing("a fixed back-off is taken", fixed, "E_ANY", "E_ANY", 2),
  failing("a linear back-off with full jitter is taken", linear, "E_ANY", "E_ANY", 4),
  failing("an exponential back-off with fixed jitter is taken", exponential, "E_ANY", "E_ANY", 4),
  failing("retry: false means one attempt", never, "E_ANY", "E_ANY", 1),
  failing("NonRetryableError is final", byDefault, "final", "NON_RETRYABLE", 1),
  failing("NonRetryableError is final though the policy says all", everything, "final", "NON_RETRYABLE", 1),
  failing("abort is final though the policy says all", everything, "abort", "ENOUGH", 1),
  failing("abort is retried where the policy names its code", namedOnly, "abort", "ENOUGH", 4),
  failing("a list of codes retries those alone: one that is named", namedOnly, "E_ONE", "E_ONE", 4),
  failing("a list of codes retries those alone: one that is not", namedOnly, "E_TWO", "E_TWO", 1),
  failing("a predicate decides, by code and attempt", asAsked, "E_ONE", "E_ONE", 2),
  failing("a predicate that throws is a no", throwing, "E_ONE", "E_ONE", 1),
  failing("an abort error is not retried by default", byDefault, "cancelled", "CANCELLED", 1),
  failing("an abort error is retried where the policy says cancelled", cancelledOnly, "cancelled", "CANCELLED", 4),
  failing("generic errors are not retried where the policy says cancelled", cancelledOnly, "E_ONE", "E_ONE", 1),
  failing(
    "an error of the engine that time does not heal is not retried",
    byDefault,
    "millrace",
    "PAYLOAD_TOO_LARGE",
    1,
  ),
  {
    title: "RetryAfterError names its own delay",
    workflow: byDefault,
    input: "after",
    expected: { output: 3, errors: ["work#1 RETRY_AFTER retried", "work#2 RETRY_AFTER retried"] },
  },
  {
    title: "RetryAfterError is not retried beyond the attempts",
    workflow: fixed,
    input: "after",
    expected: { failure: { code: "RETRY_AFTER", attempt: 2 } },
  },
  {
    title: "a node without a policy takes that of its workflow, and false overrides it",
    workflow: inherited,
    input: null,
    expected: {
      failure: { code: "ERROR", node: "second", attempt: 1 },
      errors: ["first#1 ERROR retried", "second#1 ERROR failed"],
    },
  },
  {
    title: "a rejection that nobody awaits fails its own attempt and no other",
    workflow: rejecting,
    expected: { output: [2, "well"], errors: ["careless#1 ERROR retried"] },
  },
];
