/**
 * The shape of a context: its fields numbered by name, and a hash of everything that decides how deltas fold. Field
 * numbers are what commits name, in the clear, as read and written. Invariant: equal declarations give equal numbers and
 * an equal hash in every process; the user's merge functions cannot be hashed and are believed to be the same.
 */

import { canonicalDigest } from "../../core/values.ts";
import type { FieldBehaviour } from "./behaviour.ts";
import { type Context, checkFields, type Fields } from "./field.ts";
import type { FieldKind } from "./field-state.ts";

/** A field as a definition shows it. */
interface ShapeField {
  readonly name: string;
  readonly kind: FieldKind;
}

/** All that is known of a workflow's context before any run. */
export interface ContextShape {
  /** Sorted by name, by UTF-16 code units; the index is the field's number. */
  readonly fields: readonly ShapeField[];
  /** Of names, kinds and initial values. */
  readonly hash: string;
  /** By field number. */
  readonly behaviours: readonly FieldBehaviour[];
  /** Field numbers by name. */
  readonly numbers: ReadonlyMap<string, number>;
}

/** The shape of a context; that without fields for `undefined`. Throws `INVALID_WORKFLOW` for what `context()` did not make. */
export function shapeOf(context: Context<Fields> | undefined): ContextShape {
  const declared = context?.fields ?? {};
  checkFields(declared);
  const sorted = Object.entries(declared).sort(([left], [right]) => (left < right ? -1 : 1));
  const fields = sorted.map(([name, { field }]) => Object.freeze({ name, kind: field }));
  const behaviours = sorted.map(([, declaration]) => declaration["~behaviour"]);
  const signed = sorted.map(([name, declaration]) => [name, declaration.field, declaration["~behaviour"].signature]);
  return Object.freeze({
    fields: Object.freeze(fields),
    hash: canonicalDigest(signed),
    behaviours: Object.freeze(behaviours),
    numbers: new Map(fields.map(({ name }, number) => [name, number])),
  });
}
