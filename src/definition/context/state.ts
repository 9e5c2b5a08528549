/**
 * The folded state of a whole context. Immutable: a delta makes a new one that shares every field it did not touch, so
 * that two states can be compared field by field without looking into them. Invariant: one state per field of the
 * shape, in the order of the field numbers.
 */

import type { FieldState } from "./field-state.ts";
import type { ContextShape } from "./shape.ts";

/** A context as of some sequence. */
export interface ContextState {
  /** By field number. The same object means: unchanged. */
  readonly fields: readonly FieldState[];
}

/** The context before any delta. */
export function initialState(shape: ContextShape): ContextState {
  return { fields: shape.behaviours.map(({ initial }) => initial) };
}

/** Estimate of the memory behind a state in bytes, for bounding caches. States that share parts count them each. */
export function bytesOf(state: ContextState): number {
  return state.fields.reduce((bytes, field) => bytes + field.bytes, 0);
}

/** The numbers of the fields that differ between two states of one run. May name fields that are equal, never misses one. */
export function changedFields(before: ContextState, after: ContextState): readonly number[] {
  return after.fields.flatMap((field, number) => (field === before.fields[number] ? [] : [number]));
}
