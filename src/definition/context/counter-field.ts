/**
 * Counters: the sum of all increments, exact in whatever order they arrive. Refuses increments so large that a sum could
 * overflow, and everything that is not a finite number.
 */

import { MillraceError } from "../../core/millrace-error.ts";
import type { Counter } from "./accessors.ts";
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
import { EMPTY_SUM, type ExactSum, plus, totalOf } from "./exact-sum.ts";
import type { CounterState } from "./field-state.ts";
import { describeValue } from "./value-text.ts";
import { ValueView, valueView } from "./value-view.ts";

/** No part of a sum of as many increments as a run can make reaches it, and sums of such parts do not overflow. */
const LARGEST_PART = 1e200;

/** A field that is added to. */
export function counterBehaviour(initial: number): FieldBehaviour {
  return anyBehaviour((state) => state.kind === "counter", {
    kind: "counter",
    signature: initial,
    initial: stateOf(plus(EMPTY_SUM, initial)),
    takesLists: false,
    apply: (state, operation, argument, target) => {
      switch (operation) {
        case "add": {
          const number = partOf(argument, operation, target);
          return number === 0 ? state : stateOf(plus(state.sum, number));
        }
        case "init":
          return stateOf(plus(EMPTY_SUM, partOf(argument, operation, target)));
        case "restore":
          return stateOf(sumOf(listOf(argument, operation, target).map((part) => partOf(part, operation, target))));
        default:
          throw unknownOperation("counter", operation, target);
      }
    },
    compact: compactCounter,
    takeInit: (given, what) => takeIncrement(given, what, "INVALID_INPUT"),
    encode: (state) => state.sum,
    toJson: (state) => totalOf(state.sum),
    view: (state) => valueView(() => totalOf(state.sum)),
    open: (session) => new LiveCounter(session),
  });
}

class LiveCounter extends ValueView<number> implements Counter {
  readonly add: (n?: number) => void;

  constructor(session: FieldSession<CounterState>) {
    super(() => totalOf(session.read().sum));
    this.add = (n = 1) => session.change("add", takeIncrement(n, session.what));
    Object.freeze(this);
  }
}

/** The number, if a counter takes it. */
export function takeIncrement(
  value: unknown,
  what: string,
  code: "INVALID_VALUE" | "INVALID_INPUT" = "INVALID_VALUE",
): number {
  if (typeof value === "number" && Math.abs(value) <= Number.MAX_SAFE_INTEGER) {
    return value;
  }
  throw new MillraceError(
    code,
    `${what} takes numbers from -(2^53 - 1) to 2^53 - 1; it was given ${describeValue(value)}`,
  );
}

function stateOf(sum: ExactSum): CounterState {
  return { kind: "counter", sum, bytes: 32 + 8 * sum.length };
}

function sumOf(numbers: readonly number[]): ExactSum {
  return numbers.reduce<ExactSum>(plus, EMPTY_SUM);
}

function compactCounter(operations: readonly Operation[]): readonly Operation[] {
  let sum = EMPTY_SUM;
  for (const { argument } of operations) {
    sum = typeof argument === "number" ? plus(sum, argument) : sum;
  }
  return sum.map((argument) => ({ operation: "add", argument }));
}

function partOf(argument: unknown, operation: string, target: Target): number {
  if (typeof argument === "number" && Math.abs(argument) <= LARGEST_PART) {
    return argument;
  }
  throw wrongArgument(operation, target, "a number of a counter");
}
