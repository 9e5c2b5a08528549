import { expect, test } from "vitest";
import { refusal } from "../../test/support/checkpointed-steps.ts";
import { memory } from "../connect.ts";
import { type ErrorCode, isMillraceError } from "../core/errors.ts";
import { context, field } from "../definition/context/field.ts";
import { node } from "../definition/node.ts";
import { unchecked } from "../definition/schema.ts";
import { hold, next, nextAll } from "../definition/transition.ts";
import { variant } from "../definition/variant.ts";
import { workflow } from "../definition/workflow.ts";
import { resume, runWithCheckpoint } from "./run-with-checkpoint.ts";

const failsWith = (code: ErrorCode) => expect.toSatisfy((error) => isMillraceError(error, code));
const Votes = context({ votes: field.counter() });

/** Three votes; how many are needed is no part of the definition. */
function ballot(needed: number) {
  return workflow({
    name: "ballot",
    version: "1",
    context: Votes,
    nodes: {
      ask: node({
        input: unchecked<number>(),
        run: ({ input }) => nextAll(Array.from({ length: input }, (_, at) => at)),
      }),
      vote: node({
        context: Votes,
        input: unchecked<number>(),
        serializable: true,
        run({ context: shared }) {
          shared.votes.add();
          return shared.votes.value === needed ? next(shared.votes.value) : hold();
        },
      }),
    },
    start: "ask",
    edges: { ask: "vote", vote: [] },
  });
}

test("a run that is stuck decides again when it is resumed", async () => {
  const { checkpoints: store } = memory();
  const stuck = await refusal(runWithCheckpoint(ballot(9), 3, { store, id: "job" }));
  expect(stuck).toMatchObject({ code: "RUN_FAILED", cause: { code: "RUN_STUCK" } });
  expect(await refusal(resume(ballot(9), { store, id: "job" }))).toMatchObject({ cause: { code: "RUN_STUCK" } });
  // Three votes of each time before are kept, and three held items vote again.
  const { output, context: shared } = await resume(ballot(9), { store, id: "job" });
  expect([output, shared.votes.value]).toEqual([9, 9]);
});

test("what failed for good gets fresh attempts, and what was open beside it goes on", async () => {
  const { checkpoints: store } = memory();
  const attempts: number[] = [];
  const seen: number[] = [];
  const broken = { now: true };
  const flaky = workflow({
    name: "flaky",
    version: "1",
    completion: "all",
    nodes: {
      cut: node({ input: unchecked<number>(), run: () => nextAll([1, 2, 3, 4]) }),
      work: node({
        input: unchecked<number>(),
        retry: { maxAttempts: 2, initialBackoff: 0 },
        run({ input, attempt }) {
          if (input !== 1) seen.push(input);
          else attempts.push(attempt);
          if (input === 1 && broken.now) throw new Error("broken");
          return next(input);
        },
      }),
    },
    start: "cut",
    edges: { cut: "work", work: [] },
  });
  const options = { store, id: "job", concurrency: 1 };
  expect(await refusal(runWithCheckpoint(flaky, 0, options))).toMatchObject({ node: "work", attempt: 2 });
  expect(await refusal(resume(flaky, options))).toMatchObject({ node: "work", attempt: 2 });
  broken.now = false;
  expect((await resume(flaky, options)).output).toEqual([1, 2, 3, 4]);
  expect(attempts).toEqual([1, 2, 1, 2, 1]);
  expect(seen.sort()).toEqual([2, 3, 4]);
});

test("a run that has made too many items goes on with a higher limit", async () => {
  const { checkpoints: store } = memory();
  const count = workflow({
    name: "count",
    version: "1",
    maxItems: 5,
    nodes: {
      step: node({
        input: unchecked<number>(),
        run: ({ input }) => next(input === 0 ? variant("done", 0) : variant("more", input - 1)),
      }),
      tell: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
    },
    start: "step",
    edges: { step: { route: { more: "step", done: "tell" } }, tell: [] },
  });
  const failed = await refusal(runWithCheckpoint(count, 8, { store, id: "job" }));
  expect(failed.cause).toMatchObject({ code: "TOO_MANY_ITEMS" });
  await expect(resume(count, { store, id: "job" })).rejects.toEqual(failsWith("ILLEGAL_TRANSITION"));
  const wrong = resume(count, { store, id: "job", limits: { maxItems: 0 } });
  await expect(wrong).rejects.toEqual(failsWith("INVALID_VALUE"));
  expect((await resume(count, { store, id: "job", limits: { maxItems: 20 } })).output).toBe(0);
});

test("a run that cannot be re-opened stays as it is", async () => {
  const { checkpoints: store } = memory();
  const twice = workflow({
    name: "twice",
    version: "1",
    completion: "single",
    nodes: {
      cut: node({ input: unchecked<number>(), run: () => nextAll([1, 2]) }),
      tell: node({ input: unchecked<number>(), run: ({ input }) => next(input) }),
    },
    start: "cut",
    edges: { cut: "tell", tell: [] },
  });
  const failed = await refusal(runWithCheckpoint(twice, 0, { store, id: "job" }));
  expect(failed.cause).toMatchObject({ code: "MULTIPLE_OUTPUTS" });
  for (let round = 0; round < 2; round += 1) {
    await expect(resume(twice, { store, id: "job" })).rejects.toEqual(failsWith("ILLEGAL_TRANSITION"));
  }
  expect((await store.load("job"))?.status).toBe("failed");
});
