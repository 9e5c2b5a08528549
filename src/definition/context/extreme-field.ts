/**
 * Maxima and minima: the extreme of all numbers offered. Offers that beat nothing leave no trace, since no later state
 * could tell. Refuses everything that is not a finite number.
 */

import { MillraceError } from "../../core/millrace-error.ts";
import type { Extreme } from "./accessors.ts";
import {
  anyBehaviour,
  type FieldBehaviour,
  type FieldSession,
  listOf,
  type Operation,
  type Target,
  unknownOperation,
  wrongArgument,
} from "./behaviour.ts";
import type { ExtremeState, FieldState } from "./field-state.ts";
import { describeValue } from "./value-text.ts";
import { ValueView, valueView } from "./value-view.ts";

/** A field that keeps the largest or the smallest number it is offered. */
export function extremeBehaviour(kind: "maximum" | "minimum"): FieldBehaviour {
  const better = kind === "maximum" ? Math.max : Math.min;
  const stateOf = (value: number | undefined): ExtremeState => ({ kind, value, bytes: 32 });
  const offer = (state: ExtremeState, number: number): ExtremeState => {
    const next = state.value === undefined ? number : better(state.value, number);
    return Object.is(next, state.value) ? state : stateOf(next);
  };
  return anyBehaviour(isExtreme, {
    kind,
    signature: null,
    initial: stateOf(undefined),
    takesLists: false,
    apply: (state, operation, argument, target) => {
      switch (operation) {
        case "offer":
          return offer(state, numberOf(argument, operation, target));
        case "init":
          return stateOf(numberOf(argument, operation, target));
        case "restore": {
          const [value] = listOf(argument, operation, target);
          return stateOf(value === undefined ? undefined : numberOf(value, operation, target));
        }
        default:
          throw unknownOperation(kind, operation, target);
      }
    },
    compact: (operations) => compactOffers(operations, better),
    takeInit: (given, what) => takeOffer(given, what, "INVALID_INPUT"),
    encode: (state) => (state.value === undefined ? [] : [state.value]),
    toJson: (state) => state.value ?? null,
    view: (state) => valueView(() => state.value),
    open: (session) => new LiveExtreme(session),
  });
}

class LiveExtreme extends ValueView<number | undefined> implements Extreme {
  readonly offer: (n: number) => void;

  constructor(session: FieldSession<ExtremeState>) {
    super(() => session.read().value);
    this.offer = (n) => session.change("offer", takeOffer(n, session.what, "INVALID_VALUE"));
    Object.freeze(this);
  }
}

function isExtreme(state: FieldState): state is ExtremeState {
  return state.kind === "maximum" || state.kind === "minimum";
}

function takeOffer(value: unknown, what: string, code: "INVALID_VALUE" | "INVALID_INPUT"): number {
  if (typeof value === "number" && Number.isFinite(value)) {
    return value;
  }
  throw new MillraceError(code, `${what} takes finite numbers; it was given ${describeValue(value)}`);
}

/** The last recorded offer beat all before it, or it would not have been recorded. */
function compactOffers(
  operations: readonly Operation[],
  better: (left: number, right: number) => number,
): readonly Operation[] {
  let best: number | undefined;
  for (const { argument } of operations) {
    if (typeof argument === "number") {
      best = best === undefined ? argument : better(best, argument);
    }
  }
  return best === undefined ? [] : [{ operation: "offer", argument: best }];
}

function numberOf(argument: unknown, operation: string, target: Target): number {
  if (typeof argument === "number" && Number.isFinite(argument)) {
    return argument;
  }
  throw wrongArgument(operation, target, "a finite number");
}
