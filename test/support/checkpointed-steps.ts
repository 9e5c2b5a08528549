/**
 * A workflow of three steps in a row, and stores of checkpoints that are disturbed at a save: what tests of runs with
 * checkpoints have in common.
 */

import type { CheckpointStore } from "../../src/checkpoints/checkpoint-store.ts";
import { isMillraceError, type MillraceError } from "../../src/core/errors.ts";
import { context, field } from "../../src/definition/context/field.ts";
import { node } from "../../src/definition/node.ts";
import { unchecked } from "../../src/definition/schema.ts";
import { next } from "../../src/definition/transition.ts";
import { workflow } from "../../src/definition/workflow.ts";

export const Marks = context({ marks: field.eventLog<string>(), sum: field.counter() });

/** Called by each body after it has left its marks; may make it fail or wait. */
export type Hook = (step: string, signal: AbortSignal, key: string) => unknown;

/** Three steps in a row that add one each. */
export function steps(hook: Hook = () => undefined, version = "1") {
  const step = (name: string) =>
    node({
      context: Marks,
      input: unchecked<number>(),
      async run({ input, context: marks, signal, idempotencyKey }) {
        marks.marks.append(name);
        marks.sum.add();
        await hook(name, signal, idempotencyKey);
        return next(input + 1);
      },
    });
  return workflow({
    name: "steps",
    version,
    context: Marks,
    nodes: { one: step("one"), two: step("two"), three: step("three") },
    start: "one",
    edges: { one: "two", two: "three", three: [] },
  });
}

/** One node, with a timeout of the run of 5 s. */
export function timed(hook: Hook = () => undefined) {
  return workflow({
    name: "timed",
    version: "1",
    timeout: "5s",
    nodes: {
      only: node({
        input: unchecked<number>(),
        async run({ input, signal, idempotencyKey }) {
          await hook("only", signal, idempotencyKey);
          return next(input);
        },
      }),
    },
    start: "only",
    edges: { only: [] },
  });
}

/** What it is refused with, which must be an error of the engine. */
export async function refusal(promise: Promise<unknown>): Promise<MillraceError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isMillraceError(thrown)) throw new Error(`expected a MillraceError, got ${String(thrown)}`);
  return thrown;
}

/** The store, with something happening before its n-th save (from 1), whole or added. */
export function watched(store: CheckpointStore, before: (save: number) => unknown): CheckpointStore {
  let saves = 0;
  const { append } = store;
  return {
    ...store,
    async save(id, checkpoint, options) {
      saves += 1;
      await before(saves);
      return await store.save(id, checkpoint, options);
    },
    async append(id, addition, options) {
      saves += 1;
      await before(saves);
      if (append === undefined) throw new Error("the store cannot add to what it has");
      return await append(id, addition, options);
    },
  };
}

/** Resolves when the signal is aborted, as a body that listens to it would. */
export async function abortion(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
