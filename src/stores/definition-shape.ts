/**
 * The shape of a context as far as a published definition tells it: names and kinds, for starting a run with initial
 * values where the workflow's code is not at hand. Initial values of fields and merge functions are code, so such a
 * shape must never fold or show a context; its hash is no workflow's.
 */

import { MillraceError } from "../core/errors.ts";
import { type AnyField, context, field } from "../definition/context/field.ts";
import { type ContextShape, shapeOf } from "../definition/context/shape.ts";
import type { Definition } from "../definition/definition.ts";

/** A shape that initial values can be checked and written by, and nothing else. */
export function shapeForInit(definition: Definition): ContextShape {
  const fields = definition.context.fields.map(({ name, kind }): [string, AnyField] => [name, fieldOfKind(name, kind)]);
  return shapeOf(context(Object.fromEntries(fields)));
}

function fieldOfKind(name: string, kind: string): AnyField {
  switch (kind) {
    case "fixed":
      return field.fixed<unknown>(null);
    case "register":
      return field.register<unknown>(null);
    case "eventLog":
      return field.eventLog<unknown>();
    case "counter":
      return field.counter();
    case "set":
      return field.set<unknown>();
    case "map":
      return field.map<unknown>();
    case "maximum":
      return field.maximum();
    case "minimum":
      return field.minimum();
    case "merged":
      return field.merged<unknown>({ empty: null, merge: (_before, fragment) => fragment });
    default:
      throw new MillraceError(
        "BACKEND_CORRUPT",
        `the context field "${name}" has the kind "${kind}", which this version does not know`,
        {
          hints: ["Upgrade this installation, if a newer one published the definition."],
        },
      );
  }
}
