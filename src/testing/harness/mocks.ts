/**
 * Mocks: functions that stand in for the bodies of nodes in a test, typed by what an edge delivers to the node and by
 * what it emits. Only what is told here is replaced: edges, retries, timeouts, context and the definition's hash stay as
 * they are, and what arrives is still checked by the node's schema.
 */

import type { Abort, ByName, Fields, RunArgs, Transition, WorkflowTypes } from "../../index.ts";

/** The node as it was written. */
export interface RealNode<O> {
  /** Calls the real body, with what this attempt was given. What it emits has been through the node's output schema. */
  real(): Promise<Transition<O>>;
}

/** What arrives at a node with these types: `inputs` at a join, `input` at all others. */
type Delivered<IO> = IO extends { readonly in: infer I; readonly of: string }
  ? { readonly inputs: [I] extends [ByName<infer M>] ? { readonly [K in keyof M]?: M[K] | undefined } : readonly I[] }
  : IO extends { readonly in: infer I }
    ? { readonly input: I }
    : never;

/** What a node emits; a string of a pattern (`order ${string}`) counts as any string, since a mock need not spell alike. */
type Emitted<IO> = IO extends { readonly out: infer O } ? (O extends string ? AnyIfPattern<O> : O) : never;

/** Literals are keys of their own, patterns are index signatures, and only those may be missing. */
type AnyIfPattern<O extends string> = Record<never, never> extends Record<O, 1> ? string : O;

/** What a mock is handed: all that a body is, what an edge delivered (before the node's schema has changed it), `real()`. */
export type MockArgs<F, IO> = RunArgs<F> & Delivered<IO> & RealNode<Emitted<IO>>;

/** Stands in for the body of one node: returns a transition, or throws, for each attempt. */
export type Mock<F, IO> = (args: MockArgs<F, IO>) => Transition<Emitted<IO>> | Promise<Transition<Emitted<IO>>>;

/** Mocks by the name of their node. Nodes that are not named run as they are. */
export type Mocks<T extends WorkflowTypes> = {
  readonly [K in keyof T["nodes"]]?:
    | Mock<T["fields"] extends Fields ? T["fields"] : unknown, T["nodes"][K]>
    | undefined;
};

/** A mock whose node fails at every attempt, with what is given: an `Error`, `abort(…)`, or anything else to be thrown. */
export function failing(error: unknown): () => Abort {
  return () => failure(error);
}

/** A mock whose node fails at its first attempts on each item, and then does `then`; the real thing if it is left out. */
export function failTimes(
  times: number,
  error: unknown,
): <O>(args: RealNode<O> & { readonly attempt: number }) => Promise<Transition<O>>;
export function failTimes<A extends { readonly attempt: number }, R extends Transition>(
  times: number,
  error: unknown,
  then: (args: A) => R | Promise<R>,
): (args: A) => Promise<R | Abort>;
export function failTimes(
  times: number,
  error: unknown,
  then?: (args: RealNode<unknown> & { readonly attempt: number }) => Transition | Promise<Transition>,
) {
  return async (args: RealNode<unknown> & { readonly attempt: number }): Promise<Transition> => {
    if (args.attempt <= times) return failure(error);
    return await (then === undefined ? args.real() : then(args));
  };
}

/** Fails the attempt that asks: an abort is returned, all else is thrown. */
export function failure(error: unknown): Abort {
  if (isAbort(error)) return error;
  throw error;
}

function isAbort(value: unknown): value is Abort {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "abort" && "code" in value;
}
