/**
 * Structured joins: nodes that run once for each emission of the fan-out they name, when no branch of it is open any
 * more. `join` takes branches of one type, as a list in branch order; `joinByName` takes branches of different types,
 * each under the name of the node it came from. When a join fires is decided by the engine (semantics: "Joins"); here
 * are only its types and its reading.
 */
import type { RunArgs } from "./attempt.ts";
import type { Context, Fields, FieldsOf } from "./context/field.ts";
import type { Emits, Inferred, Node, NoFields, Returned } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";
import { readJoin, readJoinByName } from "./node-runtime.ts";
import type { InferInput, InferOutput, StandardSchema } from "./schema.ts";

/** What arrives at a join by name: the predecessor's node name picks the type. */
export interface ByName<M> {
  readonly "~byName": M;
}

/** A schema for each predecessor. */
export interface Inputs {
  readonly [predecessor: string]: StandardSchema;
}

/** What `run` of a join receives, for annotating class nodes. */
export type JoinArgs<S extends StandardSchema, C = undefined> = RunArgs<FieldsOf<C>> & {
  readonly inputs: readonly InferOutput<S>[];
};

/** What every join is written with. */
interface JoinOptions<Of extends string, F extends Fields, OS extends StandardSchema, H> extends NodeOptions {
  /** The node that fans out. It opens a group at each of its emissions; the join fires once when no branch is open. */
  readonly of: Of;
  /** Parses what the join emits. */
  readonly output?: OS | undefined;
  /** The context fields that the join reads and changes. */
  readonly context?: Context<F> | undefined;
  /** As for `node`: needed to `hold()`. */
  readonly serializable?: H | undefined;
}

/** How a join is written. */
export interface JoinDescription<
  Of extends string,
  S extends StandardSchema,
  R,
  F extends Fields,
  OS extends StandardSchema,
  H,
> extends JoinOptions<Of, F, OS, H> {
  /** Parses each arrival. */
  readonly input: S;
  run(args: RunArgs<F> & { readonly inputs: readonly InferOutput<S>[] }): R | Promise<R>;
}

/** How a join by name is written. */
export interface JoinByNameDescription<
  Of extends string,
  M extends Inputs,
  R,
  F extends Fields,
  OS extends StandardSchema,
  H,
> extends JoinOptions<Of, F, OS, H> {
  /** A schema for each node whose items arrive here. */
  readonly inputs: M;
  run(
    args: RunArgs<F> & { readonly inputs: { readonly [K in keyof M]?: InferOutput<M[K]> | undefined } },
  ): R | Promise<R>;
}

/**
 * A join of branches of one type. `inputs` are the values that arrived, in branch order; branches that ended otherwise
 * are not among them, so the list may be empty. Pure.
 */
export function join<
  const Of extends string,
  S extends StandardSchema,
  R extends Returned<InferInput<OS>, H>,
  F extends Fields = NoFields,
  OS extends StandardSchema = Inferred,
  const H extends boolean = false,
>(description: JoinDescription<Of, S, R, F, OS, H>): Node<InferInput<S>, Emits<OS, R>, F, Of> {
  return Object.freeze({ "~runtime": readJoin(description) });
}

/**
 * A join of branches of different types. `inputs` has one property for each predecessor, absent where its branch ended
 * otherwise. Pure.
 */
export function joinByName<
  const Of extends string,
  M extends Inputs,
  R extends Returned<InferInput<OS>, H>,
  F extends Fields = NoFields,
  OS extends StandardSchema = Inferred,
  const H extends boolean = false,
>(
  description: JoinByNameDescription<Of, M, R, F, OS, H>,
): Node<ByName<{ [K in keyof M]: InferInput<M[K]> }>, Emits<OS, R>, F, Of> {
  return Object.freeze({ "~runtime": readJoinByName(description) });
}
