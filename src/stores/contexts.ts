/**
 * The context store: the shared document of a run, read and changed from outside of its nodes. Every change is a delta,
 * appended in the same order and by the same guards as those of commits; nothing is overwritten, so that any past
 * context can still be read. Folding takes the workflow's context, since stores hold operations and not documents.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { MillraceError } from "../core/errors.ts";
import { contextView } from "../definition/context/context-view.ts";
import { type Delta, encodeDelta, encodeInit, fieldsOfDelta } from "../definition/context/delta.ts";
import type { Context, ContextInit, ContextView, Fields, LiveContext } from "../definition/context/field.ts";
import { openContext } from "../definition/context/live-context.ts";
import { type ContextShape, shapeOf } from "../definition/context/shape.ts";
import { readContext } from "./context-reading.ts";
import { type ControlOptions, control, runNotFound } from "./run-control.ts";

/** Contexts of runs. The `context` of each method is the one that the run's workflow was made with. */
export interface ContextStore {
  /** As of now, or of an earlier sequence; `undefined` for an unknown run. */
  get<F extends Fields>(
    runId: string,
    context: Context<F>,
    options?: { readonly at?: number | undefined },
  ): Promise<ContextView<F> | undefined>;
  /**
   * Replaces the whole document in one delta: given fields start from their value, the others from their initial one.
   * Throws `RUN_NOT_FOUND`, `RUN_CLOSED`, `INVALID_INPUT`.
   */
  set<F extends Fields>(
    runId: string,
    context: Context<F>,
    values: ContextInit<NoInfer<F>>,
    options?: ControlOptions,
  ): Promise<void>;
  /**
   * Records what `change` does to the fields and appends it as one delta, merged with what others change at the same
   * time. After `delete` it acts as `set`. `update` is refused with `ILLEGAL_TRANSITION`: only a commit can be made
   * again on a newer value. Throws `RUN_NOT_FOUND`, `RUN_CLOSED`, and what the fields throw.
   */
  merge<F extends Fields>(
    runId: string,
    context: Context<F>,
    change: (context: LiveContext<F>) => void,
    options?: ControlOptions,
  ): Promise<void>;
  /** Sets every field back to its initial value, in one delta. Throws `RUN_NOT_FOUND`, `RUN_CLOSED`. */
  delete<F extends Fields>(runId: string, context: Context<F>, options?: ControlOptions): Promise<void>;
}

/** The view on the deltas of a backend. */
export function contextStore(operations: BackendOperations): ContextStore {
  const append = async (runId: string, shape: ContextShape, delta: Delta, options?: ControlOptions): Promise<void> => {
    const writes = fieldsOfDelta(shape, delta);
    await control(operations, { kind: "merge", runId, delta: encodeDelta(delta), writes }, options);
  };

  return {
    async get<F extends Fields>(
      runId: string,
      context: Context<F>,
      options: { readonly at?: number | undefined } = {},
    ) {
      const shape = shapeOf(context);
      const folded = await readContext(operations, runId, shape, options.at);
      return folded && contextView<F>(shape, folded.state, folded.sequence);
    },
    async set(runId, context, values, options) {
      const shape = shapeOf(context);
      await append(runId, shape, replacement(shape, values), options);
    },
    async merge<F extends Fields>(
      runId: string,
      context: Context<F>,
      change: (context: LiveContext<F>) => void,
      options?: ControlOptions,
    ) {
      const shape = shapeOf(context);
      const delta = await recordChange(operations, runId, shape, change);
      if (delta !== undefined) await append(runId, shape, delta, options);
    },
    async delete(runId, context, options) {
      const shape = shapeOf(context);
      await append(runId, shape, replacement(shape, {}), options);
    },
  };
}

/** Every field: the given ones by value, the others as they were before any delta. */
function replacement(shape: ContextShape, values: unknown): Delta {
  const given = new Map(encodeInit(shape, values).map((operation) => [operation[0], operation]));
  return shape.fields.flatMap(({ name }, number) => {
    const operation = given.get(name);
    const behaviour = shape.behaviours[number];
    if (operation !== undefined) return [operation];
    return behaviour === undefined ? [] : [[name, "restore", behaviour.encode(behaviour.initial)] as const];
  });
}

/** `F` is the caller's word for what the shape was made of: the engine knows shapes without their types. */
async function recordChange<F extends Fields>(
  operations: BackendOperations,
  runId: string,
  shape: ContextShape,
  change: (context: LiveContext<F>) => void,
): Promise<Delta | undefined> {
  const folded = await readContext(operations, runId, shape);
  if (folded === undefined) throw runNotFound(runId);
  const attempt = openContext(shape, folded.state, { item: runId, epoch: 0, at: await operations.now() });
  change(attempt.live as LiveContext<F>);
  attempt.close();
  if (attempt.updates().length > 0) {
    throw new MillraceError("ILLEGAL_TRANSITION", "a register cannot be updated from outside of a node", {
      runId,
      hints: ["Set the register to a value, or change it in a node, whose commit is made again on the newest value."],
    });
  }
  return attempt.delta();
}
