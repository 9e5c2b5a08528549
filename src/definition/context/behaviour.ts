/**
 * What every kind of field must be able to do, and the words used for it: operations, where they come from, and the
 * session through which an attempt reads and changes a field. It knows no kind by name. The invariant that everything
 * else rests on: an attempt sees its own operations through the very function that later folds them once committed.
 */

import { MillraceError } from "../../core/millrace-error.ts";
import type { FieldKind, FieldState } from "./field-state.ts";

/** Which commit an operation belongs to. */
export interface Stamp {
  /** Id of the item, or of the run for its initial values. */
  readonly item: string;
  readonly epoch: number;
  /** The backend's time of the commit, in ms since 1970. */
  readonly at: number;
}

/** Where an operation is applied. */
export interface Target extends Stamp {
  /** The field's name, for messages. */
  readonly name: string;
}

/** One change of one field, as recorded by an attempt. */
export interface Operation {
  readonly operation: string;
  readonly argument: unknown;
  /** Present if the argument was computed from the field: how, step by step, each from the state that the one before gave. */
  readonly updates?: readonly Update[];
}

/** Computes the argument of an operation from the state that it is applied to. */
export type Update = (state: FieldState) => unknown;

/** How one attempt reaches one of its fields. */
export interface FieldSession<S extends FieldState> {
  /** The field's name with `context.` before it, for messages. */
  readonly what: string;
  /** The field as this attempt sees it. Counts as a read. */
  read(): S;
  /** Applies an operation and records it. Throws `CLOSED` after the attempt, and `INVALID_VALUE` inside of a pure function. */
  change(operation: string, argument: unknown): void;
  /** The same, with the argument computed from the state, now and again whenever that has changed. No read. */
  update(operation: string, compute: (state: S) => unknown): void;
}

/**
 * A kind of field with its initial value. `S` is the state that it folds to. All functions are pure, except that `open`
 * acts through its session.
 */
export interface Behaviour<S extends FieldState> {
  readonly kind: FieldKind;
  /** The initial value, for the hash of the shape. */
  readonly signature: unknown;
  readonly initial: S;
  /** Whether operations take lists, so that one with two elements equals two with one each. */
  readonly takesLists: boolean;
  /**
   * The state after an operation; the same state only where the operation has no effect on any later state either.
   * `init` sets what a run starts with, `restore` what `encode` gave. Throws `BACKEND_CORRUPT` for what no version of
   * this kind can have written.
   */
  apply(state: S, operation: string, argument: unknown, target: Target): S;
  /** Fewer operations with the same effect on every state. */
  compact(operations: readonly Operation[]): readonly Operation[];
  /** The argument of `init` for a value given to `startRun`. Throws `INVALID_INPUT`. */
  takeInit(value: unknown, what: string): unknown;
  /** The state as storable values, none of which nests deeper than what was put in plus two. */
  encode(state: S): readonly unknown[];
  /** The state as plain JSON, for people. */
  toJson(state: S): unknown;
  /** What a reader sees. */
  view(state: S): object;
  /** What a node sees. */
  open(session: FieldSession<S>): object;
}

/** A kind of field with its state's type hidden, so that fields of all kinds can be kept together. */
export type FieldBehaviour = Behaviour<FieldState>;

/** Hides the type of a behaviour's state. A state of another kind is a bug and throws `INTERNAL`. */
export function anyBehaviour<S extends FieldState>(
  isOwn: (state: FieldState) => state is S,
  behaviour: Behaviour<S>,
): FieldBehaviour {
  const own = (state: FieldState): S => {
    if (isOwn(state)) {
      return state;
    }
    throw new MillraceError("INTERNAL", `a ${behaviour.kind} field was given the state of a ${state.kind} field`);
  };
  return Object.freeze<FieldBehaviour>({
    kind: behaviour.kind,
    signature: behaviour.signature,
    initial: behaviour.initial,
    takesLists: behaviour.takesLists,
    apply: (state, operation, argument, target) => behaviour.apply(own(state), operation, argument, target),
    compact: behaviour.compact,
    takeInit: behaviour.takeInit,
    encode: (state) => behaviour.encode(own(state)),
    toJson: (state) => behaviour.toJson(own(state)),
    view: (state) => behaviour.view(own(state)),
    open: (session) =>
      behaviour.open({
        what: session.what,
        read: () => own(session.read()),
        change: session.change,
        update: (operation, compute) => session.update(operation, (state) => compute(own(state))),
      }),
  });
}

/** The error for an operation that the field's kind does not have. */
export function unknownOperation(kind: FieldKind, operation: string, target: Target): MillraceError {
  return corrupt(operation, target, `a ${kind} field has no such operation`);
}

/** The error for an operation whose argument cannot be what its kind wrote. */
export function wrongArgument(operation: string, target: Target, expected: string): MillraceError {
  return corrupt(operation, target, `its argument is not ${expected}`);
}

/** The argument of an operation that takes a list. */
export function listOf(argument: unknown, operation: string, target: Target): readonly unknown[] {
  if (Array.isArray(argument)) {
    return argument;
  }
  throw wrongArgument(operation, target, "a list");
}

function corrupt(operation: string, target: Target, problem: string): MillraceError {
  const made = `${JSON.stringify(operation)} by ${target.item}, epoch ${target.epoch}`;
  return new MillraceError(
    "BACKEND_CORRUPT",
    `context.${target.name}: the operation ${made}, cannot be applied: ${problem}`,
  );
}
