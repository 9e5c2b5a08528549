/**
 * What a run of a workflow gives: the union of what is emitted where the graph ends (`[]`), routes included; a list of
 * it with `completion: "all"`. `infer` in the last step makes hovers show the type and not the way to it.
 */
import type { OutOf, PlainOf, ValueOf, VariantOf } from "./edge-shape.ts";
import type { AnyVariant } from "./variant.ts";

/** How a run completes. */
export type Completion = "single" | "first" | "all";

/** The output of a run of the nodes `Ns` with the edges `E`, completed as `M` says. */
export type OutputOfGraph<Ns, E, M> = Ends<Ns, E> extends infer O ? (M extends "all" ? O[] : O) : never;

type Ends<Ns, E> = { [K in keyof Ns]: K extends keyof E ? EdgeEnds<OutOf<Ns[K]>, E[K]> : never }[keyof Ns];

type EdgeEnds<O, E> = E extends string | readonly unknown[]
  ? EndOf<O, E>
  :
      | (E extends { readonly to: infer D } ? EndOf<PlainOf<O>, D> : never)
      | (E extends { readonly route: infer R } ? RouteEnds<VariantOf<O>, R> : never);

type RouteEnds<V extends AnyVariant, R> = {
  [Q in keyof R]: Q extends "*" ? EndOf<ValueOf<V, Exclude<V["kind"], keyof R>>, R[Q]> : EndOf<ValueOf<V, Q>, R[Q]>;
}[keyof R];

/** What ends in one destination. An array whose length the compiler does not know may be empty. */
type EndOf<O, D> = D extends readonly []
  ? O
  : D extends readonly { readonly to: unknown }[]
    ? GuardEnds<O, D[number]>
    : D extends readonly string[]
      ? number extends D["length"]
        ? O
        : never
      : never;

type GuardEnds<O, G> = G extends { readonly to: infer T } ? EndOf<O, T> : never;
