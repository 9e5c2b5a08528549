/**
 * Variants: values with a kind, which an edge routes by. A variant is known by a brand that no JSON can carry, so that
 * data from outside which merely looks like one is never routed. It exists only between a node's `return` and the
 * routing of its edge; what a successor receives, and what an output holds, is its value.
 */

import { types } from "node:util";
import { MillraceError } from "../core/errors.ts";
import type { Emittable } from "./emittable.ts";

/** A value to be routed by its kind. Made by {@link variant} and {@link variantBy} only. */
export interface Variant<K extends string, V> {
  readonly kind: K;
  readonly value: V;
  readonly "~variant": true;
}

/** Any variant. */
export type AnyVariant = Variant<string, unknown>;

/** Registered, so that two copies of the package in one process understand each other. */
const BRAND = Symbol.for("millrace.variant");

/**
 * Gives a value a kind for `route` to go by; without a value it carries `null`. A kind of a union type gives a union of
 * variants. Throws `INVALID_VALUE` for a kind that is no non-empty string.
 */
export function variant<const K extends string>(kind: K): K extends string ? Variant<K, null> : never;
export function variant<const K extends string, const V extends Emittable>(
  kind: K,
  value: V,
): K extends string ? Variant<K, V> : never;
export function variant(...given: [kind: string, value?: unknown]): AnyVariant {
  return branded(given[0], given.length > 1 ? given[1] : null);
}

/**
 * Turns a member of a discriminated union into a variant named by its tag; kind and payload stay correlated in the
 * types. Throws `INVALID_VALUE` if the value has no non-empty string there.
 */
export function variantBy<const T extends { readonly [P in D]: string }, const D extends string>(
  tag: D,
  value: T,
): T extends { readonly [P in D]: infer K extends string } ? Variant<K, T> : never;
export function variantBy(tag: string, value: unknown): AnyVariant {
  const kind: unknown = typeof value === "object" && value !== null ? Reflect.get(value, tag) : undefined;
  return branded(kind, value);
}

/** Whether a value was made by {@link variant} or {@link variantBy}. A Proxy never was, and its traps are not asked. */
export function isVariant(value: unknown): value is AnyVariant {
  return typeof value === "object" && value !== null && !types.isProxy(value) && Object.hasOwn(value, BRAND);
}

function branded(kind: unknown, value: unknown): AnyVariant {
  if (typeof kind !== "string" || kind === "") {
    throw new MillraceError("INVALID_VALUE", `the kind of a variant must be a non-empty string, not ${describe(kind)}`);
  }
  const made: AnyVariant = { kind, value, "~variant": true };
  Object.defineProperty(made, BRAND, { value: true });
  return Object.freeze(made);
}

function describe(value: unknown): string {
  return value === "" ? "an empty one" : value === null ? "null" : typeof value;
}
