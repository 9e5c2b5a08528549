/** `waitForEvent`: a node whose items are parked until an event comes, or take one that nobody has taken yet. */
import type { Context, Fields } from "../context/field.ts";
import type { Emittable } from "../emittable.ts";
import type { NoFields, Returned } from "../node.ts";
import type { InferInput, InferOutput, StandardSchema } from "../schema.ts";
import type { EmittedBy, Next } from "../transition.ts";
import { conditionsOf, type Event, isEvent, type Where } from "./event.ts";
import { type ReceivedArgs, readWait, valueFor, type WaitArgs, type WaitNode, type WaitOptions } from "./wait-node.ts";

/** How a wait for an event is written. */
export interface EventWait<S extends StandardSchema, P extends StandardSchema, R, F extends Fields, H>
  extends WaitOptions {
  readonly input: S;
  readonly event: Event<P>;
  readonly context?: Context<F> | undefined;
  /** As for `node`. */
  readonly serializable?: H | undefined;
  /** Which of the events of this name; at most 512 characters. */
  key(args: WaitArgs<InferOutput<S>, F>): string | Promise<string>;
  /** What the payload has to be like; anything if absent. Parts that are `undefined` are not compared. */
  readonly where?:
    | Where<InferInput<P>>
    | ((args: WaitArgs<InferOutput<S>, F>) => Where<InferInput<P>> | Promise<Where<InferInput<P>>>)
    | undefined;
  /** Without it the payload is emitted. */
  run?(args: ReceivedArgs<InferOutput<S>, InferOutput<P>, F>): R | Promise<R>;
}

/**
 * A node whose items wait for an event of a name and a key. One that was sent before, and that nobody took, is taken at
 * once; of those that come later each releases every wait that it meets.
 */
export function waitForEvent<
  S extends StandardSchema,
  P extends StandardSchema,
  R extends Returned<Emittable, H> = Next<InferOutput<P>>,
  F extends Fields = NoFields,
  const H extends boolean = false,
>(wait: EventWait<S, P, R, F, H>): WaitNode<InferInput<S>, EmittedBy<R>, F, InferInput<P>> {
  const problems: string[] = [];
  const { event, key, where } = wait;
  if (!isEvent(event)) problems.push("event must be made by event()");
  if (typeof key !== "function") problems.push("key must be a function");
  const runtime = readWait(wait, {
    options: ["event", "key", "where"],
    shown: { kind: "event", event: isEvent(event) ? event.name : "" },
    ...(isEvent(event) ? { receive: event.payload } : {}),
    problems,
    request: async (args) => ({
      key: String(await valueFor(key, args)),
      conditions: conditionsOf(await valueFor(where, args)),
    }),
  });
  return Object.freeze({ "~runtime": runtime, "~receives": event?.payload });
}
