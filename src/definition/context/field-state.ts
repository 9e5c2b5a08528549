/**
 * The folded state of each kind of field. States are immutable, down to the values inside: a change makes a new state
 * and shares what it did not touch, so an old state stays valid as long as somebody keeps it. `bytes` is an estimate of
 * the memory behind a state, kept up to date by every change, so that caches can be bounded without walking anything.
 */

import type { LoggedEvent } from "./accessors.ts";
import type { ExactSum } from "./exact-sum.ts";
import type { OrderedMap } from "./ordered-map.ts";
import type { Vector } from "./vector.ts";

export interface FixedState {
  readonly kind: "fixed";
  readonly bytes: number;
  readonly value: unknown;
}

export interface RegisterState {
  readonly kind: "register";
  readonly bytes: number;
  readonly value: unknown;
}

export interface EventLogState {
  readonly kind: "eventLog";
  readonly bytes: number;
  readonly entries: Vector<LoggedEvent<unknown>>;
}

export interface CounterState {
  readonly kind: "counter";
  readonly bytes: number;
  readonly sum: ExactSum;
}

export interface SetState {
  readonly kind: "set";
  readonly bytes: number;
  /** By canonical JSON. */
  readonly elements: OrderedMap<SizedValue>;
}

export interface MapState {
  readonly kind: "map";
  readonly bytes: number;
  readonly entries: OrderedMap<SizedValue>;
}

export interface ExtremeState {
  readonly kind: "maximum" | "minimum";
  readonly bytes: number;
  readonly value: number | undefined;
}

export interface MergedState {
  readonly kind: "merged";
  readonly bytes: number;
  readonly value: unknown;
}

/** A value and the estimate of its memory, so that its removal can be accounted for. */
export interface SizedValue {
  readonly value: unknown;
  readonly bytes: number;
}

/** The state of any field. */
export type FieldState =
  | FixedState
  | RegisterState
  | EventLogState
  | CounterState
  | SetState
  | MapState
  | ExtremeState
  | MergedState;

/** The kinds of fields, as a definition names them. */
export type FieldKind = FieldState["kind"];
