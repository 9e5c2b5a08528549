/**
 * Fields merged by the user's own function, which must be associative and leave `empty` as it found it. The function
 * gets copies and its result is checked and copied, so it may change what it is given but can never reach a shared
 * value. What it throws, or gives back that cannot be stored, is `INVALID_OUTPUT` with the field's name.
 */

import { isMillraceError, MillraceError } from "../../core/millrace-error.ts";
import type { Merged } from "./accessors.ts";
import {
  anyBehaviour,
  type FieldBehaviour,
  type FieldSession,
  listOf,
  type Operation,
  type Target,
  unknownOperation,
} from "./behaviour.ts";
import type { MergedState } from "./field-state.ts";
import { jsonOf, privateCopy, readValue, share, takeValue } from "./shared-value.ts";
import { ValueView, valueView } from "./value-view.ts";

/** A merge with its types hidden. */
export type MergeFunction = (left: unknown, right: unknown) => unknown;

/** A field that folds fragments with the user's own function. */
export function mergedBehaviour(empty: unknown, merge: MergeFunction): FieldBehaviour {
  const stateOf = (value: unknown): MergedState => ({ kind: "merged", value, bytes: share(value) });
  return anyBehaviour((state) => state.kind === "merged", {
    kind: "merged",
    signature: empty,
    initial: stateOf(empty),
    takesLists: true,
    apply: (state, operation, argument, target) => {
      switch (operation) {
        case "merge":
          return stateOf(mergeAll(merge, state.value, listOf(argument, operation, target), target));
        case "init":
          return stateOf(argument);
        case "restore":
          return stateOf(listOf(argument, operation, target)[0] ?? null);
        default:
          throw unknownOperation("merged", operation, target);
      }
    },
    compact: compactMerges,
    takeInit: (given, what) => takeValue(given, what, { code: "INVALID_INPUT" }),
    encode: (state) => [state.value],
    toJson: (state) => jsonOf(state.value),
    view: (state) => valueView(() => readValue(state.value)),
    open: (session) => new LiveMerged(session),
  });
}

class LiveMerged extends ValueView<unknown> implements Merged<unknown> {
  readonly merge: (fragment: unknown) => void;

  constructor(session: FieldSession<MergedState>) {
    super(() => readValue(session.read().value));
    this.merge = (fragment) => session.change("merge", [takeValue(fragment, session.what)]);
    Object.freeze(this);
  }
}

function mergeAll(merge: MergeFunction, value: unknown, fragments: readonly unknown[], target: Target): unknown {
  return fragments.reduce((merged, fragment) => mergeOne(merge, merged, fragment, target), value);
}

/** The result may be larger than one payload: it is made of many. It is never sent as one, only kept in snapshots. */
function mergeOne(merge: MergeFunction, value: unknown, fragment: unknown, target: Target): unknown {
  const what = `the merge function of context.${target.name}`;
  let result: unknown;
  try {
    result = merge(privateCopy(value), privateCopy(fragment));
  } catch (cause) {
    if (isMillraceError(cause, "INVALID_VALUE")) {
      throw cause;
    }
    throw new MillraceError("INVALID_OUTPUT", `${what} threw`, { cause, hints: MERGE_HINTS });
  }
  return takeValue(result, `the result of ${what}`, {
    code: "INVALID_OUTPUT",
    maxBytes: Number.MAX_SAFE_INTEGER,
    maxKeys: Number.MAX_SAFE_INTEGER,
  });
}

const MERGE_HINTS = ["A merge function must be pure and accept every pair of values that its field can hold."];

/** Fragments are not merged with each other first: the user's function need not be exactly associative to be replayed exactly. */
function compactMerges(operations: readonly Operation[]): readonly Operation[] {
  if (operations.length < 2) {
    return operations;
  }
  const fragments = operations.flatMap(({ argument }): readonly unknown[] => (Array.isArray(argument) ? argument : []));
  return [{ operation: "merge", argument: fragments }];
}
