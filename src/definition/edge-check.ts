/**
 * Whether every edge fits: each target accepts what arrives, every kind has a route, every node is reached. First a
 * cheap yes or no per edge, which answers `unknown` so that nothing is intersected with the edge's shape; only for an
 * edge that is wrong is a type built that puts the error at the right property and says what is wrong in its name.
 * Checking every pair of nodes, or filtering the keys of the edges by their problems, makes the compiler run out of
 * memory on large graphs.
 */
import type { Fits } from "./edge-fit.ts";
import type { FailedInOf, InOf, OutOf, PlainOf, ValueOf, VariantOf } from "./edge-shape.ts";
import type { ByName } from "./join.ts";
import type { AnyVariant } from "./variant.ts";

/** Shown by the compiler for an edge whose values don't fit: which edge, what is emitted, what is accepted. */
export interface EdgeMismatch<Edge extends string, Types extends { emits: unknown; accepts: unknown }> {
  readonly "edge does not fit": Edge;
  readonly types: Types;
}

/** Shown by the compiler for any other mistake in a graph. */
export interface InvalidWorkflow<Problem extends string> {
  readonly problem: Problem;
}

/** All targets in a destination, however it is written. */
type Leaves<D> = D extends string
  ? D
  : D extends readonly (infer U)[]
    ? Leaves<U>
    : D extends object
      ? { [P in keyof D]: P extends "when" | "name" ? never : Leaves<D[P]> }[keyof D]
      : never;

/** The targets of all edges. */
export type Reached<E> = { [K in keyof E]: Leaves<E[K]> }[keyof E];

/**
 * What is wrong with the edges `E` of the nodes `Ns`; `unknown` where nothing is. `R` are the start and all targets: a
 * node outside it is unreachable. True reachability is checked at run time.
 */
export type CheckEdges<Ns, E, R> = {
  readonly [K in keyof E]: K extends keyof Ns & string
    ? K extends R
      ? [BadEdge<Ns, K, OutOf<Ns[K]>, FailedInOf<Ns[K]>, E[K]>] extends [never]
        ? unknown
        : CheckEdge<Ns, K, OutOf<Ns[K]>, FailedInOf<Ns[K]>, E[K]>
      : InvalidWorkflow<`no edge leads to "${K}"`>
    : InvalidWorkflow<`there is no node named "${K & string}"`>;
};

// The cheap answer: the targets, kinds and options that are wrong, or `never`.

type Accepts<Ns, K extends string, O, T extends keyof Ns> =
  InOf<Ns[T]> extends ByName<infer M> ? (K extends keyof M ? Fits<O, M[K]> : false) : Fits<O, InOf<Ns[T]>>;

type Bad<Ns, K extends string, O, T> = T extends keyof Ns & string
  ? Accepts<Ns, K, O, T> extends true
    ? never
    : T
  : T;

type BadRoute<Ns, K extends string, V extends AnyVariant, R> =
  | {
      [Q in keyof R]: Q extends "*"
        ? Bad<Ns, K, ValueOf<V, Exclude<V["kind"], keyof R>>, Leaves<R[Q]>>
        : Q extends V["kind"]
          ? Bad<Ns, K, ValueOf<V, Q>, Leaves<R[Q]>>
          : Q;
    }[keyof R]
  | ("*" extends keyof R ? never : Exclude<V["kind"], keyof R>);

type BadEdge<Ns, K extends string, O, In, E> = E extends string | readonly unknown[]
  ? Bad<Ns, K, O, Leaves<E>>
  : {
      [P in keyof E]: P extends "to"
        ? Bad<Ns, K, PlainOf<O>, Leaves<E[P]>>
        : P extends "route"
          ? BadRoute<Ns, K, VariantOf<O>, E[P]>
          : P extends "onFailure" | "onTimeout"
            ? Bad<Ns, K, In, Leaves<E[P]>>
            : P;
    }[keyof E];

// The detailed answer, for an edge that is wrong. `K` is the edge's node, `L` what its message calls it.

type CheckTarget<Ns, K extends string, L extends string, O, T> = T extends keyof Ns & string
  ? InOf<Ns[T]> extends ByName<infer M>
    ? K extends keyof M
      ? Fits<O, M[K]> extends true
        ? T
        : EdgeMismatch<`${L} -> ${T}.${K}`, { emits: O; accepts: M[K] }>
      : InvalidWorkflow<`join "${T}" has no input named "${K}"`>
    : Fits<O, InOf<Ns[T]>> extends true
      ? T
      : EdgeMismatch<`${L} -> ${T}`, { emits: O; accepts: InOf<Ns[T]> }>
  : InvalidWorkflow<`there is no node named "${T & string}"`>;

type CheckDest<Ns, K extends string, L extends string, O, T> = T extends string
  ? CheckTarget<Ns, K, L, O, T>
  : T extends readonly unknown[]
    ? { readonly [I in keyof T]: CheckDest<Ns, K, L, O, T[I]> }
    : T extends { readonly to: infer U }
      ? { readonly [P in keyof T]: P extends "to" ? CheckDest<Ns, K, L, O, U> : T[P] }
      : T;

type CheckRoute<Ns, K extends string, V extends AnyVariant, R> = {
  readonly [Q in keyof R]: Q extends "*"
    ? CheckDest<Ns, K, `${K}[*]`, ValueOf<V, Exclude<V["kind"], keyof R>>, R[Q]>
    : Q extends V["kind"]
      ? CheckDest<Ns, K, `${K}[${Q & string}]`, ValueOf<V, Q>, R[Q]>
      : InvalidWorkflow<`"${K}" never emits "${Q & string}"`>;
} & ("*" extends keyof R
  ? unknown
  : { readonly [Q in Exclude<V["kind"], keyof R>]: InvalidWorkflow<`route of "${K}" lacks "${Q}"`> });

type CheckEdge<Ns, K extends string, O, In, E> = E extends string | readonly unknown[]
  ? CheckDest<Ns, K, K, O, E>
  : {
      readonly [P in keyof E]: P extends "to"
        ? CheckDest<Ns, K, K, PlainOf<O>, E[P]>
        : P extends "route"
          ? CheckRoute<Ns, K, VariantOf<O>, E[P]>
          : P extends "onFailure" | "onTimeout"
            ? CheckDest<Ns, K, `${K}.${P}`, In, E[P]>
            : InvalidWorkflow<`an edge has no option "${P & string}"`>;
    };
