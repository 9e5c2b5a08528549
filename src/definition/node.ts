/**
 * `node()`: one step of a workflow, from an object or an instance of a class. It keeps the types of what the node takes,
 * emits and needs for the checks of the edges, and hands everything else to `node-runtime.ts`. It refuses nothing at run
 * time: problems are reported by `workflow()`, all at once. One signature and no overloads: overloads turn every mistake
 * in a body into "No overload matches this call".
 */
import type { RunArgs } from "./attempt.ts";
import type { Context, Fields, FieldsOf } from "./context/field.ts";
import type { Emittable } from "./emittable.ts";
import type { NodeOptions } from "./node-options.ts";
import { type NodeRuntime, readNode } from "./node-runtime.ts";
import type { InferInput, InferOutput, StandardSchema } from "./schema.ts";
import type { Abort, EmittedBy, Hold, Next, NextAll } from "./transition.ts";

/** No context fields. */
export type NoFields = { readonly [K in never]: never };

/**
 * A node of a workflow. `In`: what an edge may deliver to it (the *input* type of its schema). `Out`: what it emits.
 * `F`: the context fields that it needs, or more. `Of`: the fan-out that it joins; `never` for a node that is no join.
 */
export interface Node<In, Out, F = NoFields, Of extends string = never> {
  readonly "~runtime": NodeRuntime;
  readonly "~node"?:
    | { readonly in: (value: In) => void; readonly out: Out; readonly needs: (fields: F) => void; readonly of: Of }
    | undefined;
}

/** Any node. Says nothing of types: a node written inside a workflow would take them for its own. */
export interface AnyNode {
  readonly "~runtime": NodeRuntime;
  readonly "~node"?:
    | { readonly in: unknown; readonly out: unknown; readonly needs: unknown; readonly of: unknown }
    | undefined;
}

/** What `run` receives; for annotating class nodes: `run({ input }: NodeArgs<typeof Order, typeof OrderContext>)`. */
export type NodeArgs<S extends StandardSchema, C = undefined> = RunArgs<FieldsOf<C>> & {
  readonly input: InferOutput<S>;
};

/** Shown by the compiler where a node that is not serializable holds. No `hold()` fits it. */
interface HoldNeedsSerializable {
  readonly kind: "hold";
  readonly "hold() is only for nodes with serializable: true": never;
}

/** What the body of a node may return: `hold()` only with `serializable: true`. */
export type Returned<O, H extends boolean> =
  | Next<O>
  | NextAll<O>
  | Abort
  | ([H] extends [true] ? Hold : HoldNeedsSerializable);

declare const unset: unique symbol;

/** The output of a node that declares none: anything may be emitted, and `Out` is inferred from the body. */
interface Unset {
  readonly [unset]: true;
}

/** The default for the type of `output`. No conditional type, so that generic node factories type-check. */
export type Inferred = StandardSchema<Emittable, Unset>;

/** What a node emits: what its `output` schema gives, or else what its body was seen to emit. */
export type Emits<OS extends StandardSchema, R> = [InferOutput<OS>] extends [Unset] ? EmittedBy<R> : InferOutput<OS>;

/** How a node is written. An instance of a class with these members will do. */
export interface NodeDescription<S extends StandardSchema, R, F extends Fields, OS extends StandardSchema, H>
  extends NodeOptions {
  /** Parses what arrives, at every attempt. Edges deliver the schema's input type; `run` sees its output type. */
  readonly input: S;
  /** Parses what the node emits. Without it the type of what is emitted is inferred, and nothing is checked. */
  readonly output?: OS | undefined;
  /** The context fields that the node reads and changes: those of the workflow, or fewer. */
  readonly context?: Context<F> | undefined;
  /**
   * `true`: a transition of this node is refused and its body run again if another item changed a context field that
   * this attempt read. Only such a node may `hold()`.
   */
  readonly serializable?: H | undefined;
  run(args: RunArgs<F> & { readonly input: InferOutput<S> }): R | Promise<R>;
}

/** Makes a node of a workflow. Pure; mistakes that only show at run time are reported by `workflow()`. */
export function node<
  S extends StandardSchema,
  R extends Returned<InferInput<OS>, H>,
  F extends Fields = NoFields,
  OS extends StandardSchema = Inferred,
  const H extends boolean = false,
>(description: NodeDescription<S, R, F, OS, H>): Node<InferInput<S>, Emits<OS, R>, F> {
  return Object.freeze({ "~runtime": readNode(description) });
}
