/**
 * Fields with one value that is replaced as a whole: `fixed`, which no attempt can change, and `register`, where the
 * later commit wins. An `update` is recorded together with its function, so that it can be made again on a newer value
 * instead of overwriting it. Invariant: values in a state are shared values.
 */

import type { Register } from "./accessors.ts";
import {
  anyBehaviour,
  type FieldBehaviour,
  type FieldSession,
  type Operation,
  type Update,
  unknownOperation,
} from "./behaviour.ts";
import type { FixedState, RegisterState } from "./field-state.ts";
import { jsonOf, privateCopy, readValue, share, takeValue } from "./shared-value.ts";
import { ValueView, valueView } from "./value-view.ts";

/** A field that keeps the value it has at the start of the run. */
export function fixedBehaviour(value: unknown): FieldBehaviour {
  const stateOf = (next: unknown): FixedState => ({ kind: "fixed", value: next, bytes: share(next) });
  return anyBehaviour((state) => state.kind === "fixed", {
    kind: "fixed",
    signature: value,
    initial: stateOf(value),
    takesLists: false,
    apply: (_state, operation, argument, target) => {
      if (operation === "init" || operation === "restore") {
        return stateOf(operation === "init" ? argument : firstOf(argument));
      }
      throw unknownOperation("fixed", operation, target);
    },
    compact: (operations) => operations,
    takeInit: (given, what) => takeValue(given, what, { code: "INVALID_INPUT" }),
    encode: (state) => [state.value],
    toJson: (state) => jsonOf(state.value),
    view: (state) => valueView(() => readValue(state.value)),
    open: (session) => valueView(() => readValue(session.read().value)),
  });
}

/** A field with one value, of which the latest commit wins. */
export function registerBehaviour(initial: unknown): FieldBehaviour {
  const stateOf = (next: unknown): RegisterState => ({ kind: "register", value: next, bytes: share(next) });
  return anyBehaviour((state) => state.kind === "register", {
    kind: "register",
    signature: initial,
    initial: stateOf(initial),
    takesLists: false,
    apply: (_state, operation, argument, target) => {
      switch (operation) {
        case "init":
        case "set":
          return stateOf(argument);
        case "restore":
          return stateOf(firstOf(argument));
        default:
          throw unknownOperation("register", operation, target);
      }
    },
    compact: compactRegister,
    takeInit: (given, what) => takeValue(given, what, { code: "INVALID_INPUT" }),
    encode: (state) => [state.value],
    toJson: (state) => jsonOf(state.value),
    view: (state) => valueView(() => readValue(state.value)),
    open: (session) => new LiveRegister(session),
  });
}

class LiveRegister extends ValueView<unknown> implements Register<unknown> {
  readonly set: (value: unknown) => void;
  readonly update: (fn: (value: unknown) => unknown) => void;

  constructor(session: FieldSession<RegisterState>) {
    super(() => readValue(session.read().value));
    this.set = (value) => session.change("set", takeValue(value, session.what));
    this.update = (fn) => session.update("set", (state) => takeValue(fn(privateCopy(state.value)), session.what));
    Object.freeze(this);
  }
}

/** Only the last value counts. It depends on the committed one only if nothing but updates led to it. */
function compactRegister(operations: readonly Operation[]): readonly Operation[] {
  const last = operations.at(-1);
  if (last === undefined || operations.length === 1) {
    return operations;
  }
  const updates: Update[] = [];
  for (const operation of operations) {
    if (operation.updates === undefined) {
      return [{ operation: "set", argument: last.argument }];
    }
    updates.push(...operation.updates);
  }
  return [{ operation: "set", argument: last.argument, updates }];
}

function firstOf(argument: unknown): unknown {
  return Array.isArray(argument) ? argument[0] : null;
}
