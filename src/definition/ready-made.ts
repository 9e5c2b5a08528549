/**
 * Nodes that are made of something else than a body of their own: of a function, or of another node.
 */
import type { RetryPolicy } from "../core/retry.ts";
import type { Emittable } from "./emittable.ts";
import { type Node, node } from "./node.ts";
import { checkRetry, type NodeOptions } from "./node-options.ts";
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

/**
 * The same node, whose body is called again inside one attempt when it fails: for failures that are over in a moment. A
 * call that failed leaves no trace but its log lines and the results of its durable steps; only the last failure counts
 * as the attempt's, and then the node's own policy decides. It waits inside the worker, within the attempt's timeout;
 * what is to survive a crash is a retry of the node (`retry`). Fields that the policy leaves out have the defaults of `retry`.
 */
export function retryInProcess<In, Out, F, Of extends string>(
  inner: Node<In, Out, F, Of>,
  policy: RetryPolicy,
): Node<In, Out, F, Of> {
  const runtime = inner["~runtime"];
  const problems = [...runtime.problems];
  checkRetry(policy, problems);
  return Object.freeze({ "~runtime": Object.freeze({ ...runtime, inProcess: policy, problems }) });
}
