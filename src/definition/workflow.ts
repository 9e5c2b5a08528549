/**
 * `workflow()` and `dynamicWorkflow()`: the two ways to write a graph. The first has its nodes and edges checked by the
 * compiler, each mistake at its place; the second takes graphs built in loops, from data, or inside generic functions,
 * whose outer types are their author's word. Both are checked again at run time, by the same code.
 */
import type { Context, Fields } from "./context/field.ts";
import type { CheckEdges, InvalidWorkflow, Reached } from "./edge-check.ts";
import type { EdgesShape, InOf } from "./edge-shape.ts";
import type { AnyNode, NoFields } from "./node.ts";
import type { NodeRuntime } from "./node-runtime.ts";
import { buildWorkflow, type Workflow, type WorkflowOptions } from "./workflow-building.ts";
import type { Completion, OutputOfGraph } from "./workflow-output.ts";
import type { NodeTypes } from "./workflow-types.ts";

/** A node that fits into a workflow with the fields `F` and nodes of these names: it needs no others. */
interface NodeFor<F, Names> {
  readonly "~runtime": NodeRuntime;
  readonly "~node"?:
    | {
        readonly in: unknown;
        readonly out: unknown;
        readonly needs: (fields: F) => void;
        readonly of: Names;
      }
    | undefined;
}

/** The nodes of a workflow, by name. */
export interface AnyNodes {
  readonly [name: string]: AnyNode;
}

/** What is wrong with the nodes, each at its place: a join of no node, or a context field that the workflow lacks. */
type CheckNodes<Ns, F> = string extends keyof Ns
  ? unknown
  : {
      readonly [K in keyof Ns]: Ns[K] extends NodeFor<F, keyof Ns> ? unknown : NodeProblem<Ns, K & string, F, Ns[K]>;
    };

type NodeProblem<Ns, K extends string, F, N> =
  N extends NodeFor<F, string>
    ? N extends { readonly "~node"?: { readonly of: infer Of extends string } | undefined }
      ? InvalidWorkflow<`join "${K}" is of "${Exclude<Of, keyof Ns>}", which is no node of this workflow`>
      : never
    : N extends { readonly "~node"?: { readonly needs: (fields: infer Needs) => void } | undefined }
      ? ContextMismatch<K, { needs: Needs; given: F }>
      : never;

/** Shown by the compiler for a node that needs context fields which the workflow has not, or has otherwise. */
export interface ContextMismatch<Node extends string, Fields extends { needs: unknown; given: unknown }> {
  readonly "context does not fit": Node;
  readonly fields: Fields;
}

/** How a workflow is written. */
export interface WorkflowDescription<
  Name extends string,
  Ns extends AnyNodes,
  S extends string,
  E,
  F extends Fields,
  M extends Completion,
> extends WorkflowOptions {
  readonly name: Name;
  readonly version: string;
  /** The fields of the run's shared context; nodes may need any part of them. */
  readonly context?: Context<F> | undefined;
  /**
   * `single` (default): one terminal output, a second one fails the run. `first`: the first one completes the run.
   * `all`: the output is the list of all.
   */
  readonly completion?: M | undefined;
  readonly nodes: Ns & CheckNodes<Ns, F>;
  /** The node that receives the run's input. */
  readonly start: S;
  /** For each node where its emissions go; `[]` where the graph ends. */
  readonly edges: E;
}

/**
 * A workflow whose graph the compiler checks. Checked again when it is built: throws `INVALID_WORKFLOW`, listing all
 * problems at once, also in `details.problems`.
 */
export function workflow<
  const Name extends string,
  Ns extends AnyNodes,
  const S extends keyof Ns & string,
  const E extends CheckEdges<Ns, E, S | Reached<E>> & EdgesShape<Ns, F>,
  F extends Fields = NoFields,
  const M extends Completion = "single",
>(
  description: WorkflowDescription<Name, Ns, S, E, F, M>,
): Workflow<{
  name: Name;
  input: InOf<Ns[S]>;
  output: OutputOfGraph<Ns, E, M>;
  fields: F;
  nodes: NodeTypes<Ns>;
}> {
  return buildWorkflow(description);
}

/** The edge of a node in a graph that is checked at run time alone. */
export type LooseEdge =
  | LooseDestination
  | {
      readonly to?: LooseDestination | undefined;
      readonly route?: Readonly<Record<string, LooseDestination>> | undefined;
      readonly onFailure?: string | readonly string[] | undefined;
      readonly onTimeout?: string | readonly string[] | undefined;
    };

/** The targets of an edge in a graph that is checked at run time alone. */
type LooseDestination = string | readonly string[] | readonly LooseChoice[];

/** One guarded way; the last of a list has no guard. */
interface LooseChoice {
  readonly name?: string | undefined;
  readonly when?: ((value: never, args: { readonly context: never }) => boolean) | undefined;
  readonly to: string | readonly string[];
}

/** How a workflow is written whose graph is checked at run time alone. */
export interface DynamicDescription<Name extends string, F extends Fields> extends WorkflowOptions {
  readonly name: Name;
  readonly version: string;
  readonly context?: Context<F> | undefined;
  readonly completion?: Completion | undefined;
  readonly nodes: Readonly<Record<string, NodeFor<NoInfer<F>, string>>>;
  readonly start: string;
  readonly edges: Readonly<Record<string, LooseEdge>>;
}

/**
 * A workflow built in a loop, from data, or inside a generic function. Its input and output types are the author's word;
 * its graph is checked when it is built, as that of {@link workflow}. Throws `INVALID_WORKFLOW`.
 */
export function dynamicWorkflow<In, Out, F extends Fields = NoFields, Name extends string = string>(
  description: DynamicDescription<Name, F>,
): Workflow<{
  name: Name;
  input: In;
  output: Out;
  fields: F;
  nodes: Readonly<Record<string, { in: unknown; out: unknown }>>;
}> {
  return buildWorkflow(description);
}
