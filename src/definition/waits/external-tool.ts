/** `externalTool`: a node whose items are parked until a tool outside of the workers has given its result. */
import { checkName } from "../../core/names.ts";
import type { Context, Fields } from "../context/field.ts";
import type { Emittable } from "../emittable.ts";
import type { NoFields, Returned } from "../node.ts";
import { readOr } from "../problems.ts";
import type { InferInput, InferOutput, StandardSchema } from "../schema.ts";
import type { EmittedBy, Next } from "../transition.ts";
import {
  type ReceivedArgs,
  readReceive,
  readWait,
  valueFor,
  type WaitArgs,
  type WaitNode,
  type WaitOptions,
} from "./wait-node.ts";

/** How a call of a tool is written. */
export interface ToolWait<S extends StandardSchema, P extends StandardSchema, R, F extends Fields, H>
  extends WaitOptions {
  readonly input: S;
  /** The tool's name: whoever runs it lists the waits for it. */
  readonly name: string;
  /** What the tool is called with; the input if absent. */
  readonly arguments?: ((args: WaitArgs<InferOutput<S>, F>) => unknown) | undefined;
  /** Parses the result. One that does not fit is refused, and the wait stays. */
  readonly receive: P;
  readonly context?: Context<F> | undefined;
  /** As for `node`. */
  readonly serializable?: H | undefined;
  /** Without it the result is emitted. */
  run?(args: ReceivedArgs<InferOutput<S>, InferOutput<P>, F>): R | Promise<R>;
}

/** A node whose items wait for the result of a tool that somebody else runs; they give it as the input of a `waitForInput`. */
export function externalTool<
  S extends StandardSchema,
  P extends StandardSchema,
  R extends Returned<Emittable, H> = Next<InferOutput<P>>,
  F extends Fields = NoFields,
  const H extends boolean = false,
>(wait: ToolWait<S, P, R, F, H>): WaitNode<InferInput<S>, EmittedBy<R>, F, InferInput<P>> {
  const problems: string[] = [];
  const { receive, name } = wait;
  const given = wait.arguments;
  const schema = readReceive(receive, problems);
  const tool = readOr(problems, () => checkName(name, "the name of the tool"), "");
  if (given !== undefined && typeof given !== "function") problems.push("arguments must be a function");
  const runtime = readWait(wait, {
    options: ["receive", "name", "arguments"],
    shown: { kind: "tool", tool },
    ...(schema === undefined ? {} : { receive: schema }),
    problems,
    request: async (args) => ({ arguments: given === undefined ? args.input : await valueFor(given, args) }),
  });
  return Object.freeze({ "~runtime": runtime, "~receives": receive });
}
