/**
 * What all nodes that wait have in common: their options, their types, and how they are read. As with other nodes nothing
 * is refused here; problems are reported by `workflow()`.
 */
import type { Duration } from "../../core/duration.ts";
import type { AttemptArgs, RunArgs } from "../attempt.ts";
import type { Context, Fields } from "../context/field.ts";
import type { Node, NoFields } from "../node.ts";
import { type NodeOptions, readPositive } from "../node-options.ts";
import { readNode } from "../node-runtime.ts";
import { isStandardSchema, type StandardSchema } from "../schema.ts";
import { next } from "../transition.ts";
import type { WaitRequest, WaitRuntime } from "./wait-runtime.ts";

/** The options of any node that waits. All may be left out. */
export interface WaitOptions extends Omit<NodeOptions, "deadline"> {
  /**
   * How long it waits, whatever the attempts before and after take; without end if absent. When it is over, the item takes
   * its `onTimeout` edge, else `onFailure`, else its run fails; code `DEADLINE`.
   */
  readonly deadline?: Duration | undefined;
}

/** A node whose items wait for an answer of type `Received`; lets `handle.complete(node, payload)` be typed. */
export interface WaitNode<In, Out, F = NoFields, Received = unknown> extends Node<In, Out, F> {
  readonly "~receives": StandardSchema<Received, unknown>;
}

/** What a function that says what to wait for is given: all that a body is. Changes of the context are committed with the wait. */
export type WaitArgs<I, F> = RunArgs<F> & { readonly input: I };

/** What the body of a node that waits is given: the answer beside the input. */
export type ReceivedArgs<I, P, F> = WaitArgs<I, F> & { readonly received: P };

/** A node that waits, as it is written, types erased. */
interface DescribedWait extends WaitOptions {
  readonly input: StandardSchema;
  readonly context?: Context<Fields> | undefined;
  readonly serializable?: boolean | undefined;
  run?(args: never): unknown;
}

/** How one kind of wait is read. */
export interface WaitReading {
  /** The names of the options that this kind has beside those of all waits. */
  readonly options: readonly string[];
  readonly shown: WaitRuntime["shown"];
  readonly receive?: StandardSchema;
  readonly child?: WaitRuntime["child"];
  /** What is wrong with the options of this kind. */
  readonly problems: readonly string[];
  request(args: AttemptArgs): WaitRequest | Promise<WaitRequest>;
  /** What the body does that is not written: as a rule it emits what was received. */
  otherwise?(args: AttemptArgs): unknown;
}

/** Reads a node that waits. */
export function readWait(described: DescribedWait, reading: WaitReading) {
  const { deadline, run, ...options } = plain(described);
  const problems = [...reading.problems];
  const deadlineMs = readPositive(deadline, "deadline", problems);
  const { otherwise = emitReceived } = reading;
  if (run !== undefined && typeof run !== "function") problems.push("run must be a function");
  const body =
    typeof run === "function" ? (args: AttemptArgs): unknown => Reflect.apply(run, described, [args]) : otherwise;
  const runtime = readNode({ ...options, run: body }, reading.options);
  const wait: WaitRuntime = Object.freeze({
    shown: Object.freeze({ ...reading.shown, ...(deadlineMs === undefined ? {} : { deadlineMs }) }),
    ...(reading.receive === undefined ? {} : { receive: reading.receive }),
    ...(reading.child === undefined ? {} : { child: reading.child }),
    request: async (args: AttemptArgs) => await reading.request(args),
  });
  return Object.freeze({ ...runtime, wait, problems: [...runtime.problems, ...problems] });
}

/** The schema of an answer; noted as missing where there is none. */
export function readReceive(schema: unknown, problems: string[]): StandardSchema | undefined {
  if (isStandardSchema(schema)) return schema;
  problems.push(
    schema === undefined ? "it has no receive" : "receive is no Standard Schema (zod, valibot, arktype, unchecked())",
  );
  return undefined;
}

/** Calls the user's function, or gives the value that stands in its place. */
export function valueFor(given: unknown, args: AttemptArgs): unknown {
  return typeof given === "function" ? Reflect.apply(given, undefined, [args]) : given;
}

function emitReceived({ received }: AttemptArgs): unknown {
  return next(received ?? null);
}

/** Whatever was written, there is something to read. */
function plain(described: DescribedWait): DescribedWait {
  return typeof described === "object" && described !== null ? described : Object.create(null);
}
