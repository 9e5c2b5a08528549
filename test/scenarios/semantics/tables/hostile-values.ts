/** What user code must not be able to do by what it emits, keeps, logs or throws. */

import { abort, context, field, next, nextAll, node, unchecked, workflow } from "../../../../src/index.ts";
import { hostileErrors, keptValues, refusedValues } from "../hostile.ts";
import { range, type Scenario } from "../scenario.ts";

function refusedBy(name: string): unknown {
  return refusedValues[name]?.make();
}

const emitting = workflow({
  name: "emits-what-cannot-be-stored",
  version: "1",
  nodes: {
    emit: node({
      input: unchecked<string>(),
      retry: { maxAttempts: 2, initialBackoff: 1, retryOn: ["INVALID_OUTPUT"] },
      // The type of what is emitted is a promise that these values break.
      run: ({ input }) => next(refusedBy(input) as null),
    }),
  },
  start: "emit",
  edges: { emit: [] },
});

const Kept = context({
  value: field.register<unknown>(null),
  log: field.eventLog<unknown>(),
  map: field.map<unknown>(),
});

/** Every way to keep a value refuses it at once, and the attempt is free to go on. */
const keeping = workflow({
  name: "keeps-what-cannot-be-stored",
  version: "1",
  context: Kept,
  nodes: {
    keep: node({
      context: Kept,
      input: unchecked<string>(),
      async run({ input, context: { value, log, map }, step, logger, heartbeat }) {
        const codes = [
          codeOf(() => value.set(refusedBy(input))),
          codeOf(() => log.append(refusedBy(input))),
          codeOf(() => map.set("key", refusedBy(input))),
          await step("kept", () => ({ inside: refusedBy(input) })).then(
            () => "kept",
            (error: unknown) => codeOfError(error),
          ),
        ];
        // These may be lost, but must not throw.
        logger.info("a line", { value: refusedBy(input) });
        heartbeat(refusedBy(input));
        return next(codes);
      },
    }),
  },
  start: "keep",
  edges: { keep: [] },
});

function codeOf(change: () => void): string {
  try {
    change();
    return "kept";
  } catch (error) {
    return codeOfError(error);
  }
}

function codeOfError(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

const roundTrip = workflow({
  name: "gives-back-what-came",
  version: "1",
  context: Kept,
  nodes: {
    first: node({
      context: Kept,
      input: unchecked<unknown>(),
      async run({ input, context: { value, log, map }, step }) {
        value.set(input);
        log.append(input);
        map.set("key\0\ud800", input);
        return next((await step("kept", () => input)) as null);
      },
    }),
    second: node({
      context: Kept,
      input: unchecked<unknown>(),
      run({ input, context: { value, log, map } }) {
        return nextAll([input, value.value, log.events[0], map.get("key\0\ud800")] as null[]);
      },
    }),
  },
  start: "first",
  completion: "all",
  edges: { first: "second", second: [] },
});

const throwing = workflow({
  name: "throws-anything",
  version: "1",
  nodes: {
    fail: node({
      input: unchecked<string>(),
      retry: { maxAttempts: 2, initialBackoff: 1 },
      run({ input }) {
        throw hostileErrors[input]?.make() as Error;
      },
    }),
    told: node({
      input: unchecked<string>(),
      run: ({ input, error }) =>
        next({ input, wellFormed: error?.message.isWellFormed() ?? false, attempt: error?.attempt ?? 0 }),
    }),
  },
  start: "fail",
  edges: { fail: { to: [], onFailure: "told" }, told: [] },
});

const failing = workflow({
  name: "fails-with-anything",
  version: "1",
  nodes: {
    fail: node({
      input: unchecked<string>(),
      run({ input }) {
        throw hostileErrors[input]?.make() as Error;
      },
    }),
  },
  start: "fail",
  edges: { fail: [] },
});

const aborting = workflow({
  name: "aborts-with-anything",
  version: "1",
  nodes: {
    fail: node({
      input: unchecked<string>(),
      run: ({ input }) => abort("with details", { details: refusedBy(input) }),
    }),
    told: node({ input: unchecked<string>(), run: ({ error }) => next(error?.code ?? "") }),
  },
  start: "fail",
  edges: { fail: { to: [], onFailure: "told" }, told: [] },
});

/** More than one commit, one emission or one attempt may carry. */
const excessive = workflow({
  name: "more-than-is-allowed",
  version: "1",
  completion: "all",
  nodes: {
    emit: node({
      input: unchecked<string>(),
      retry: { maxAttempts: 3, initialBackoff: 1 },
      run({ input, metric, logger }) {
        switch (input) {
          case "values":
            return nextAll(range(10_001));
          case "bytes":
            return nextAll(range(20).map((at) => `${at}${"x".repeat(1_000_000)}`));
          case "many bytes":
            return nextAll(range(16).map(() => "x".repeat(1_000_000)));
          case "one byte":
            return nextAll(["x".repeat(1_048_575)]);
          case "metrics":
            for (const at of range(1_001)) metric("m", at);
            return nextAll<number>([]);
          case "a metric's name":
            metric("no name!", 1);
            return nextAll<number>([]);
          case "lines":
            for (const at of range(10_000)) logger.info(`line ${at}`, { at });
            return nextAll([1]);
          default:
            return nextAll(["x".repeat(1_048_574)]);
        }
      },
    }),
    measure: node({ input: unchecked<string | number>(), run: ({ input }) => next(String(input).length) }),
  },
  start: "emit",
  edges: { emit: "measure", measure: [] },
});

const tooLarge = (
  title: string,
  input: string,
  message: RegExp,
  code = "PAYLOAD_TOO_LARGE",
  attempts = 1,
): Scenario => ({
  title,
  workflow: excessive,
  input,
  expected: { failure: { code, message, node: "emit", attempt: attempts }, items: { measure: {} } },
});

export const hostileValues: readonly Scenario[] = [
  ...Object.entries(refusedValues).map(([name, { path, code = "INVALID_OUTPUT" }]): Scenario => {
    const retried = code === "INVALID_OUTPUT" ? ["emit#1 INVALID_OUTPUT retried"] : [];
    return {
      title: `a node cannot emit ${name}`,
      workflow: emitting,
      input: name,
      expected: {
        failure: { code, message: new RegExp(path.replaceAll(/[$.[\]]/g, "\\$&")), node: "emit" },
        errors: [...retried, `emit#${retried.length + 1} ${code} failed`],
      },
    };
  }),
  ...Object.entries(refusedValues).map(
    ([name, { code = "INVALID_VALUE" }]): Scenario => ({
      title: `neither a context nor a step keeps ${name}`,
      workflow: keeping,
      input: name,
      expected: {
        // JSON drops properties that are undefined.
        output: [code, code, code, name === "undefined itself" ? "kept" : code],
        context: { value: null, log: [], map: {} },
      },
    }),
  ),
  ...Object.entries(keptValues).map(
    ([name, value]): Scenario => ({
      title: `${name} comes back from inputs, outputs, steps and contexts as it was`,
      workflow: roundTrip,
      input: value,
      expected: { output: [value, value, value, value] },
    }),
  ),
  ...Object.keys(hostileErrors).map(
    (name): Scenario => ({
      title: `an error with ${name} takes its retries and its failure edge`,
      workflow: throwing,
      input: name,
      expected: {
        output: { input: name, wellFormed: true, attempt: 2 },
        items: { fail: { failed: 1 }, told: { completed: 1 } },
      },
    }),
  ),
  ...Object.entries(hostileErrors).map(
    ([name, { message }]): Scenario => ({
      title: `an error with ${name} fails its run, with what is left of its text`,
      workflow: failing,
      input: name,
      expected: { failure: { code: "ERROR", message, node: "fail" } },
    }),
  ),
  ...Object.keys(refusedValues).map(
    (name): Scenario => ({
      title: `details of ${name} do not keep a failure from its edge`,
      workflow: aborting,
      input: name,
      expected: { output: "ABORTED" },
    }),
  ),
  tooLarge("more than 10,000 values at once are refused", "values", /10001 values/),
  tooLarge("more than 16 MiB at once are refused", "bytes", /16777216 bytes/),
  tooLarge("one byte over a mebibyte is refused", "one byte", /1048576 bytes/),
  tooLarge("more than 1,000 measurements are refused", "metrics", /1000 metrics/, "INVALID_VALUE"),
  tooLarge("a measurement needs a name that is one", "a metric's name", /name of a metric/, "INVALID_VALUE"),
  {
    title: "a mebibyte to the byte is taken",
    workflow: excessive,
    input: "all",
    expected: { output: [1_048_574] },
  },
  {
    title: "sixteen megabytes at once are taken",
    workflow: excessive,
    input: "many bytes",
    expected: { output: range(16).map(() => 1_000_000) },
  },
  {
    title: "ten thousand lines of log do not keep an attempt from its commit",
    workflow: excessive,
    input: "lines",
    expected: { output: [1] },
  },
];
