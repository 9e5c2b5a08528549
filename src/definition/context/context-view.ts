/**
 * The context as a reader outside of nodes sees it: of one moment, read-only, with every field by name. It reads a
 * state and never keeps it alive longer than the reader does. Invariant: a view never changes, and nothing can be
 * changed through it.
 */

import type { ContextView, Fields } from "./field.ts";
import type { ContextShape } from "./shape.ts";
import { setOwn } from "./shared-value.ts";
import type { ContextState } from "./state.ts";

/**
 * The view of a state as of `sequence`. `F` is the caller's word for what the shape was made of; the engine knows
 * shapes without their types.
 */
export function contextView<F extends Fields = Fields>(
  shape: ContextShape,
  state: ContextState,
  sequence: number,
): ContextView<F> {
  // Without a prototype: a field called `constructor` is a field, and a name that is none reads as undefined.
  const view = Object.create(null);
  for (const [number, { name }] of shape.fields.entries()) {
    const field = state.fields[number];
    setOwn(view, name, field === undefined ? undefined : shape.behaviours[number]?.view(field));
  }
  setOwn(view, "sequence", sequence);
  Object.defineProperty(view, "toJSON", { value: () => contextJson(shape, state) });
  return Object.freeze(view);
}

/** The values by field as plain JSON; see `ContextView.toJSON`. */
function contextJson(shape: ContextShape, state: ContextState): { readonly [name: string]: unknown } {
  const json = {};
  for (const [number, { name }] of shape.fields.entries()) {
    const field = state.fields[number];
    setOwn(json, name, field === undefined ? null : shape.behaviours[number]?.toJson(field));
  }
  return json;
}
