/**
 * Transitions: what a node may return. Each is a small frozen record; making one has no effect, returning it has. The
 * rules that need the node (who may hold, which kinds are routed) live with the node's type and in `routing.ts`.
 */
import { type Duration, toDelayMilliseconds } from "../core/duration.ts";
import { describeFailure, MillraceError } from "../core/errors.ts";
import type { Emittable } from "./emittable.ts";

/** One item per successor, each with `value`; at a terminal node an output of the run. */
export interface Next<O> {
  readonly kind: "next";
  readonly value: O;
  readonly delayMs?: number;
  readonly priority?: number;
}

/** For each value one item per successor, in order; at a terminal node every value is an output. */
export interface NextAll<O> {
  readonly kind: "nextAll";
  readonly values: readonly O[];
  readonly delayMs?: number;
  readonly priority?: number;
}

/** The item is consumed and emits nothing; its context changes are committed. */
export interface Hold {
  readonly kind: "hold";
}

/** The attempt failed. */
export interface Abort {
  readonly kind: "abort";
  readonly code: string;
  readonly message: string;
  readonly details?: unknown;
  readonly stack?: string;
}

/** What a node may return, for values of type `O`. `hold()` is for `serializable: true` nodes alone. */
export type Transition<O = unknown> = Next<O> | NextAll<O> | Hold | Abort;

/** What a set of transitions emits. */
export type EmittedBy<R> = R extends Next<infer O> ? O : R extends NextAll<infer O> ? O : never;

/** How the emitted items start: not before `delay` has passed, and with a priority of their own. */
export interface EmitOptions {
  readonly delay?: Duration | undefined;
  readonly priority?: number | undefined;
}

/**
 * Emits one value to every successor; `next()` emits `null`. With a `delay` the successors become ready that much after
 * the commit; a `priority` (an integer, higher is sooner) overrides that of the successor's node. Throws `INVALID_VALUE`
 * for a bad delay or priority.
 */
export function next(): Next<null>;
export function next<const O extends Emittable>(value: O, options?: EmitOptions): Next<O>;
export function next(...given: [value?: unknown, options?: EmitOptions]): Next<unknown> {
  return Object.freeze({ kind: "next", value: given.length === 0 ? null : given[0], ...emission(given[1]) });
}

/**
 * Emits many values, in order: a fan-out. An empty list emits nothing. At most 10,000 values and 16 MiB in one. Throws
 * `INVALID_VALUE` for a bad delay or priority.
 */
export function nextAll<const O extends Emittable>(values: readonly O[], options?: EmitOptions): NextAll<O> {
  if (!Array.isArray(values)) throw new MillraceError("INVALID_VALUE", "nextAll takes an array of values");
  return Object.freeze({ kind: "nextAll", values: Object.freeze([...values]), ...emission(options) });
}

/** Consumes the item and emits nothing; context changes are kept. Only in a node with `serializable: true`. */
export function hold(): Hold {
  return HOLD;
}

/**
 * Fails the attempt: the same as throwing, but never retried unless the retry policy names its code. The code is
 * `options.code`, else that of the error given, else `ABORTED`.
 */
export function abort(
  reason: string | Error,
  options?: { readonly code?: string | undefined; readonly details?: unknown },
): Abort {
  const given = typeof reason === "string" ? { message: reason } : ofError(reason);
  const code = options?.code ?? given.code ?? "ABORTED";
  const details = options?.details ?? given.details;
  return Object.freeze({
    kind: "abort",
    code,
    message: given.message,
    ...(details === undefined ? {} : { details }),
    ...(given.stack === undefined ? {} : { stack: given.stack }),
  });
}

/** Whether what a body returned is a transition. Checked by shape, so that two copies of the package get along. */
export function isTransition(value: unknown): value is Transition {
  if (typeof value !== "object" || value === null || !("kind" in value)) return false;
  switch (value.kind) {
    case "next":
      return "value" in value && hasEmission(value);
    case "nextAll":
      return "values" in value && Array.isArray(value.values) && hasEmission(value);
    case "hold":
      return true;
    case "abort":
      return (
        "code" in value && typeof value.code === "string" && "message" in value && typeof value.message === "string"
      );
    default:
      return false;
  }
}

const HOLD: Hold = Object.freeze({ kind: "hold" });

interface Emission {
  readonly delayMs?: number;
  readonly priority?: number;
}

function emission(options: EmitOptions | undefined): Emission {
  const delayMs =
    options?.delay === undefined ? undefined : toDelayMilliseconds(options.delay, "the delay of an emission");
  const priority = options?.priority;
  if (priority !== undefined && !Number.isSafeInteger(priority)) {
    throw new MillraceError("INVALID_VALUE", `the priority of an emission must be an integer, not ${String(priority)}`);
  }
  return { ...(delayMs === undefined ? {} : { delayMs }), ...(priority === undefined ? {} : { priority }) };
}

function hasEmission(value: object): boolean {
  const delayed = !("delayMs" in value) || (typeof value.delayMs === "number" && value.delayMs >= 0);
  return delayed && (!("priority" in value) || Number.isSafeInteger(value.priority));
}

interface Reason {
  readonly message: string;
  readonly code?: string;
  readonly details?: unknown;
  readonly stack?: string;
}

function ofError(error: Error): Reason {
  const { message, stack, details, code } = describeFailure(error);
  return {
    message,
    // `ERROR` is what an error without a code of its own is given.
    ...(code === "ERROR" ? {} : { code }),
    ...(details === undefined ? {} : { details }),
    ...(stack === undefined ? {} : { stack }),
  };
}
