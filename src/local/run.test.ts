import { expect, test } from "vitest";
import { isMillraceError } from "../core/errors.ts";
import { manualClock } from "../core/ports.ts";
import { context, field } from "../definition/context/field.ts";
import { join } from "../definition/join.ts";
import { node } from "../definition/node.ts";
import { split } from "../definition/ready-made.ts";
import { unchecked } from "../definition/schema.ts";
import { abort, next } from "../definition/transition.ts";
import { workflow } from "../definition/workflow.ts";
import type { RunProgress } from "./local-options.ts";
import { run } from "./run.ts";

const Tally = context({ seen: field.set<string>(), letters: field.counter() });

const words = workflow({
  name: "words",
  version: "1",
  context: Tally,
  nodes: {
    cut: split(unchecked<string>(), (text) => text.split(" ")),
    measure: node({
      context: Tally,
      input: unchecked<string>(),
      run({ input, context: shared }) {
        shared.seen.add(input);
        shared.letters.add(input.length);
        return next(input.length);
      },
    }),
    sum: join({
      of: "cut",
      input: unchecked<number>(),
      run: ({ inputs }) => next(inputs.reduce((sum, length) => sum + length, 0)),
    }),
  },
  start: "cut",
  edges: { cut: "measure", measure: "sum", sum: [] },
});

async function refusal(promise: Promise<unknown>) {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isMillraceError(thrown)) throw new Error(`expected a MillraceError, got ${String(thrown)}`);
  return thrown;
}

test("a run gives its output and the context that it left", async () => {
  const { output, context: shared, runId } = await run(words, "to be or not to be", { context: { letters: 100 } });
  const sum: number = output;
  expect(sum).toBe(13);
  expect(shared.letters.value).toBe(113);
  expect([...shared.seen].sort()).toEqual(["be", "not", "or", "to"]);
  expect(runId).toMatch(/^[0-9a-f-]{36}$/);
});

test("a failed attempt is not tried again unless somebody asks for it, and its failure is the cause", async () => {
  let attempts = 0;
  const flaky = workflow({
    name: "flaky",
    version: "1",
    nodes: {
      only: node({
        input: unchecked<number>(),
        run({ input }) {
          attempts += 1;
          return attempts % 2 === 1 ? abort("not yet", { code: "NOT_YET" }) : next(input);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  const error = await refusal(run(flaky, 1));
  expect(error).toMatchObject({ code: "RUN_FAILED", node: "only", attempt: 1 });
  expect(error.cause).toMatchObject({ code: "NOT_YET", message: "not yet" });
  expect(attempts).toBe(1);
  attempts = 0;
  const retried = await run(flaky, 1, { retry: { retryOn: ["NOT_YET"], initialBackoff: 0 } });
  expect([retried.output, attempts]).toEqual([1, 2]);
});

test("a signal and a timeout stop the run and the bodies that are running", async () => {
  const clock = manualClock();
  const begun: AbortSignal[] = [];
  const endless = workflow({
    name: "endless",
    version: "1",
    nodes: {
      only: node({
        input: unchecked<number>(),
        run({ input, signal }) {
          begun.push(signal);
          return new Promise<ReturnType<typeof next<number>>>((resolve) => {
            signal.addEventListener("abort", () => resolve(next(input)), { once: true });
          });
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
  const controller = new AbortController();
  const cancelled = refusal(run(endless, 1, { signal: controller.signal, clock }));
  await clock.advance(10);
  expect(begun).toHaveLength(1);
  controller.abort(new Error("enough"));
  await clock.advance(10);
  expect(await cancelled).toMatchObject({ code: "CANCELLED", cause: new Error("enough") });
  expect(begun[0]?.aborted).toBe(true);
  const late = refusal(run(endless, 1, { timeout: "2s", clock }));
  await clock.advance(2_000);
  expect((await late).code).toBe("TIMEOUT");
  expect(begun[1]?.aborted).toBe(true);
});

test("an input that cannot be stored is refused at once", async () => {
  expect((await refusal(run(words, String.fromCharCode(0).repeat(2_000_000)))).code).toBe("PAYLOAD_TOO_LARGE");
});

test("many runs at once do not disturb each other", async () => {
  const texts = Array.from({ length: 20 }, (_, at) => "x".repeat(at + 1));
  const outputs = await Promise.all(texts.map(async (text) => (await run(words, text)).output));
  expect(outputs).toEqual(texts.map(({ length }) => length));
});

test("no more bodies run at once than are asked for", async () => {
  let running = 0;
  let most = 0;
  const busy = workflow({
    name: "busy",
    version: "1",
    completion: "all",
    nodes: {
      cut: split(unchecked<number>(), (count) => Array.from({ length: count }, (_, at) => at)),
      work: node({
        input: unchecked<number>(),
        async run({ input }) {
          running += 1;
          most = Math.max(most, running);
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
          return next(input);
        },
      }),
    },
    start: "cut",
    edges: { cut: "work", work: [] },
  });
  for (const concurrency of [1, 3, 50]) {
    most = 0;
    const { output } = await run(busy, 40, { concurrency });
    expect([output.length, most]).toEqual([40, Math.min(40, concurrency)]);
  }
  expect((await refusal(run(busy, 1, { concurrency: 0 }))).code).toBe("INVALID_CONFIG");
});

test("progress is told after each attempt, and whoever listens cannot break the run", async () => {
  const told: RunProgress<"cut" | "measure" | "sum">[] = [];
  const { output, runId } = await run(words, "to be", {
    concurrency: 1,
    onProgress(progress) {
      told.push(progress);
      throw new Error("nobody minds");
    },
  });
  expect(output).toBe(4);
  expect(told.map(({ node: name, completed, open }) => [name, completed, open])).toEqual([
    ["cut", 1, 2],
    ["measure", 2, 1],
    ["measure", 3, 1],
    ["sum", 4, 0],
  ]);
  expect(told.at(-1)).toEqual({
    ...{ runId, node: "sum", itemId: `${runId}.3`, attempt: 1, outcome: "completed", status: "completed" },
    ...{ completed: 4, open: 0, held: 0, failed: 0, retried: 0 },
  });
});

test("a caller that has given up before it begins starts nothing", async () => {
  const told: unknown[] = [];
  const onProgress = (progress: unknown) => told.push(progress);
  const reason = new Error("no");
  const refused = await refusal(run(words, "to be", { signal: AbortSignal.abort(reason), onProgress }));
  expect([refused.code, refused.cause, told]).toEqual(["CANCELLED", reason, []]);
  expect((await refusal(run(words, "to be", { timeout: -1 }))).code).toBe("INVALID_VALUE");
});
