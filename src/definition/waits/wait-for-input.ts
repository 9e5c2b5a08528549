/** `waitForInput`: a node whose items are parked until somebody gives them an input, such as a decision. */
import type { Context, Fields } from "../context/field.ts";
import type { Emittable } from "../emittable.ts";
import type { NoFields, Returned } from "../node.ts";
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

/** How a wait for an input is written. */
export interface InputWait<S extends StandardSchema, P extends StandardSchema, R, F extends Fields, H>
  extends WaitOptions {
  readonly input: S;
  /** Parses what is given. One that does not fit is refused, and the wait stays. */
  readonly receive: P;
  readonly context?: Context<F> | undefined;
  /** As for `node`. */
  readonly serializable?: H | undefined;
  /** What to tell whoever is asked. */
  readonly prompt?: string | ((args: WaitArgs<InferOutput<S>, F>) => string | Promise<string>) | undefined;
  /** Without it what was given is emitted. */
  run?(args: ReceivedArgs<InferOutput<S>, InferOutput<P>, F>): R | Promise<R>;
}

/** A node whose items wait for somebody's input: `orchestrator.completeWait(id, payload)`, or `millrace complete`. */
export function waitForInput<
  S extends StandardSchema,
  P extends StandardSchema,
  R extends Returned<Emittable, H> = Next<InferOutput<P>>,
  F extends Fields = NoFields,
  const H extends boolean = false,
>(wait: InputWait<S, P, R, F, H>): WaitNode<InferInput<S>, EmittedBy<R>, F, InferInput<P>> {
  const problems: string[] = [];
  const { receive, prompt } = wait;
  const schema = readReceive(receive, problems);
  if (prompt !== undefined && typeof prompt !== "string" && typeof prompt !== "function") {
    problems.push("prompt must be a text or a function");
  }
  const runtime = readWait(wait, {
    options: ["receive", "prompt"],
    shown: { kind: "input" },
    ...(schema === undefined ? {} : { receive: schema }),
    problems,
    request: async (args) => (prompt === undefined ? {} : { prompt: String(await valueFor(prompt, args)) }),
  });
  return Object.freeze({ "~runtime": runtime, "~receives": receive });
}
