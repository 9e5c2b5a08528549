/**
 * Events: one definition of a name and a payload for whoever sends and whoever waits. It holds no state and knows no
 * store; sending is the orchestrator's business, waiting that of `waitForEvent`.
 */
import { canonicalJson } from "../../core/digest.ts";
import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { checkName } from "../../core/names.ts";
import { isStandardSchema, type StandardSchema } from "../schema.ts";

/** An event that runs may wait for. Instances of it are told apart by keys, such as the id of an order. */
export interface Event<P extends StandardSchema = StandardSchema> {
  readonly name: string;
  readonly payload: P;
}

/** A payload, or as much of it as has to be equal: objects part by part, everything else as a whole. */
export type Where<T> = unknown extends T
  ? unknown
  : T extends readonly unknown[] | Uint8Array
    ? T
    : T extends object
      ? { readonly [K in keyof T]?: Where<T[K]> | undefined }
      : T;

/** The value at the path, names from the outside in, equals this one, which is canonical JSON. */
export interface Condition {
  readonly path: readonly string[];
  readonly equals: string;
}

/** Defines an event. Pure. Throws `INVALID_VALUE` for a name that is none, or a payload that is no schema. */
export function event<P extends StandardSchema>(name: string, payload: P): Event<P> {
  checkName(name, "the name of an event");
  if (!isStandardSchema(payload)) {
    throw new MillraceError("INVALID_VALUE", `the payload of event "${name}" must be a Standard Schema`);
  }
  return Object.freeze({ name, payload });
}

/** Whether a value is an event, of this copy of the package or another. */
export function isEvent(value: unknown): value is Event {
  if (typeof value !== "object" || value === null) return false;
  return "name" in value && typeof value.name === "string" && "payload" in value && isStandardSchema(value.payload);
}

/** What a payload has to be like, path by path. Throws `INVALID_VALUE` for what is no value, and for too much. */
export function conditionsOf(where: unknown): readonly Condition[] {
  const conditions: Condition[] = [];
  collect(where, [], conditions);
  return conditions;
}

function collect(where: unknown, path: readonly string[], into: Condition[]): void {
  if (where === undefined) return;
  if (isParts(where) && path.length < LIMITS.valueDepth) {
    for (const [name, part] of Object.entries(where)) collect(part, [...path, name], into);
    return;
  }
  if (into.length === LIMITS.eventConditions) {
    throw new MillraceError("INVALID_VALUE", `where compares more than ${LIMITS.eventConditions} values`);
  }
  into.push({ path, equals: canonicalJson(where) });
}

/** A plain object is compared part by part. */
function isParts(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
