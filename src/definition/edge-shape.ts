/**
 * How an edge may be written, given what its node emits: plain values need `to`, variants need `route`, a node that
 * emits both needs both. This is all the compiler uses to complete names and to type guards, so it is cheap: nothing
 * here compares two nodes. Whether the values fit is the business of `edge-check.ts`.
 */
import type { View } from "./context/field.ts";
import type { ByName } from "./join.ts";
import type { AnyVariant, Variant } from "./variant.ts";

/** What an edge may deliver to a node. */
export type InOf<N> = N extends { readonly "~node"?: { readonly in: (value: infer I) => void } | undefined }
  ? I
  : never;

/** What the failure edge of a node delivers: its input, or all inputs of a join. */
export type FailedInOf<N> = N extends {
  readonly "~node"?: { readonly in: (value: infer I) => void; readonly of: infer Of } | undefined;
}
  ? [Of] extends [never]
    ? I
    : [I] extends [ByName<infer M>]
      ? { readonly [K in keyof M]?: M[K] }
      : readonly I[]
  : never;

/** The fan-out that a node joins; `never` for one that is no join. */
export type JoinedOf<N> = N extends { readonly "~node"?: { readonly of: infer Of } | undefined } ? Of : never;

/** What a node emits. */
export type OutOf<N> = N extends { readonly "~node"?: { readonly out: infer O } | undefined } ? O : never;

/** The variants among what is emitted. `any` counts as a plain value. */
export type VariantOf<O> = 0 extends 1 & O ? never : Extract<O, AnyVariant>;

/** The plain values among what is emitted. */
export type PlainOf<O> = 0 extends 1 & O ? O : Exclude<O, AnyVariant>;

/** The values of the variants of kind `K`. */
export type ValueOf<O, K> = O extends Variant<infer Q, infer V> ? (Q extends K ? V : never) : never;

/** What a guard may look at beside the value: the context as the emitting attempt left it, read-only. */
interface GuardArgs<F> {
  readonly context: { readonly [K in keyof F]: View<F[K]> };
}

/** One node, several (each gets a copy), or `[]`: the value is an output of the run. */
type To<S> = S | readonly S[];

/** One guarded way. The name is part of the definition's hash and shown in graphs. */
interface Guarded<S, V, F> {
  readonly name?: string | undefined;
  readonly when: (value: V, args: GuardArgs<F>) => boolean;
  readonly to: To<S>;
}

/** The way taken when no guard before it agreed. */
interface Otherwise<S> {
  readonly to: To<S>;
  readonly when?: never;
  readonly name?: never;
}

/** Targets, or a list of guarded ways that ends in one without a guard; the first that agrees is taken. */
type Dest<S, V, F> = To<S> | readonly [...Guarded<S, V, F>[], Otherwise<S>];

/** Where an item goes that failed for good. Never empty: that would swallow the error. */
interface Exits<S> {
  /** Receives the failed node's input, and the failure as `error`. */
  readonly onFailure?: S | readonly [S, ...S[]] | undefined;
  /** The same for timeouts and deadlines; they go to `onFailure` without it. */
  readonly onTimeout?: S | readonly [S, ...S[]] | undefined;
}

/** A way for each kind; `"*"` receives exactly the kinds not named. */
type RouteShape<S, V extends AnyVariant, F> = { readonly [K in V["kind"]]?: Dest<S, ValueOf<V, K>, F> } & {
  readonly "*"?: Dest<S, V["value"], F>;
};

/** How the edge of one node may be written. `S`: the names of all nodes, `O`: what the node emits. */
type EdgeShape<S, O, F> = [VariantOf<O>] extends [never]
  ? Dest<S, O, F> | ({ readonly to: Dest<S, O, F> } & Exits<S>)
  : [PlainOf<O>] extends [never]
    ? { readonly route: RouteShape<S, VariantOf<O>, F> } & Exits<S>
    : { readonly to: Dest<S, PlainOf<O>, F>; readonly route: RouteShape<S, VariantOf<O>, F> } & Exits<S>;

/** How the edges of all nodes may be written; every node must have its edge. */
export type EdgesShape<Ns, F> = { readonly [K in keyof Ns]: EdgeShape<keyof Ns & string, OutOf<Ns[K]>, F> };
