/**
 * Nodes that need no body of their own. Each is written with `node()` alone, so that nothing here can do what a user's
 * node could not.
 */
import type { Emittable } from "./emittable.ts";
import { type Node, node } from "./node.ts";
import type { NodeOptions } from "./node-options.ts";
import type { InferInput, InferOutput, StandardSchema } from "./schema.ts";
import { type NextAll, nextAll } from "./transition.ts";

/**
 * A fan-out: emits each element of the list that `fn` makes of the input, in order. It opens a branch group where a join
 * names it. At most 10,000 elements.
 */
export function split<S extends StandardSchema, const O extends Emittable>(
  input: S,
  fn: (input: InferOutput<S>) => readonly O[],
  options?: NodeOptions,
): Node<InferInput<S>, O> {
  return node<S, NextAll<O>>({ ...options, input, run: (args) => nextAll<O>(fn(args.input)) });
}
