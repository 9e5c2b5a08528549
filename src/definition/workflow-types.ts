/**
 * The types that a workflow carries, and the ways to get at them. They exist for the compiler alone: `~types` is never
 * set. They are what lets another process start a run with `startRun<typeof orders>("orders", input)` and no code.
 */
import type { InOf, JoinedOf, OutOf } from "./edge-shape.ts";
import type { StandardSchema } from "./schema.ts";

/** Everything that is known of a workflow at compile time. */
export interface WorkflowTypes {
  readonly name: string;
  /** What `startRun` takes: the input type of the start node's schema. */
  readonly input: unknown;
  readonly output: unknown;
  /** The context fields. */
  readonly fields: unknown;
  /**
   * For each node what an edge delivers to it (`in`), what it emits (`out`), of a join the fan-out (`of`), and of one that
   * waits for an answer what may be given (`receives`).
   */
  readonly nodes: unknown;
}

/** A value that carries the types of a workflow. */
export interface Typed<T extends WorkflowTypes> {
  readonly "~types"?: T | undefined;
}

/** All types of a workflow. */
export type TypesOf<W> = W extends Typed<infer T> ? T : never;

/** What a run of it is started with. */
export type InputOf<W> = TypesOf<W>["input"];

/** What a run of it gives. */
export type OutputOf<W> = TypesOf<W>["output"];

/** Its name, literally. */
export type NameOf<W> = TypesOf<W>["name"];

/** The types of each node of a graph. `infer` forces evaluation, so that hovers show the types and not the helper. */
export type NodeTypes<Ns> = {
  [K in keyof Ns]: Ns[K] extends { readonly "~receives": StandardSchema<infer Received, unknown> }
    ? { in: InOf<Ns[K]>; out: OutOf<Ns[K]>; receives: Received }
    : [JoinedOf<Ns[K]>] extends [never]
      ? { in: InOf<Ns[K]>; out: OutOf<Ns[K]> }
      : { in: InOf<Ns[K]>; out: OutOf<Ns[K]>; of: JoinedOf<Ns[K]> };
};

/** The names of the nodes that wait for an answer; any name where the nodes are not known. */
export type WaitNames<T extends WorkflowTypes> = unknown extends T["nodes"]
  ? string
  : { [K in keyof T["nodes"]]: T["nodes"][K] extends { receives: unknown } ? K : never }[keyof T["nodes"]] & string;

/** What may be given as the answer to the wait of a node. */
export type AnswerOf<T extends WorkflowTypes, K> = unknown extends T["nodes"]
  ? unknown
  : K extends keyof T["nodes"]
    ? T["nodes"][K] extends { receives: infer Received }
      ? Received
      : never
    : never;
