/**
 * Deltas: what one commit changes in a context, as JSON, and how a context is folded from them, always from the left, in
 * the order of their sequence numbers. Operations on fields that the shape does not have are ignored, since an older
 * definition may have had them; operations that a field's kind does not have mean that the store is damaged. Applying
 * costs about as much as the delta is long, whatever the context holds.
 */

import { LIMITS } from "../../core/limits.ts";
import { MillraceError } from "../../core/millrace-error.ts";
import { decodeValue, encodeValue } from "../../core/values.ts";
import type { Stamp } from "./behaviour.ts";
import type { FieldState } from "./field-state.ts";
import type { ContextShape } from "./shape.ts";
import type { ContextState } from "./state.ts";
import { describeValue } from "./value-text.ts";

/** One operation: the field's name, the operation's, and what it takes. */
export type DeltaOperation = readonly [field: string, operation: string, argument: unknown];

/** The operations of one commit. */
export type Delta = readonly DeltaOperation[];

/** A delta in its place among those of its run. */
export interface SequencedDelta extends Stamp {
  /** From 1, without gaps. */
  readonly sequence: number;
  readonly delta: Delta;
}

/** A context and how many deltas it holds. */
export interface FoldedContext {
  readonly state: ContextState;
  readonly sequence: number;
}

/**
 * The context after a delta; the one before stays as it was. Takes hold of the delta's values: they are frozen. Throws
 * `BACKEND_CORRUPT` for operations that no version can have written, and `INVALID_OUTPUT` where the user's merge fails.
 */
export function applyDelta(shape: ContextShape, state: ContextState, delta: Delta, stamp: Stamp): ContextState {
  let fields: FieldState[] | undefined;
  for (const [name, operation, argument] of delta) {
    const number = shape.numbers.get(name);
    const behaviour = number === undefined ? undefined : shape.behaviours[number];
    if (number === undefined || behaviour === undefined) {
      continue;
    }
    fields ??= [...state.fields];
    const target = { name, item: stamp.item, epoch: stamp.epoch, at: stamp.at };
    fields[number] = behaviour.apply(fields[number] ?? behaviour.initial, operation, argument, target);
  }
  return fields === undefined ? state : { fields };
}

/**
 * The context after those of the deltas that it does not hold yet. A delta delivered again changes nothing. Throws
 * `BACKEND_CORRUPT` for a gap, and what `applyDelta` throws.
 */
export function foldDeltas(
  shape: ContextShape,
  folded: FoldedContext,
  deltas: Iterable<SequencedDelta>,
): FoldedContext {
  let { state, sequence } = folded;
  for (const next of deltas) {
    if (next.sequence <= sequence) {
      continue;
    }
    if (next.sequence !== sequence + 1) {
      throw new MillraceError(
        "BACKEND_CORRUPT",
        `the context's delta ${sequence + 1} is missing: after ${sequence} came ${next.sequence}`,
      );
    }
    state = applyDelta(shape, state, next.delta, next);
    sequence = next.sequence;
  }
  return { state, sequence };
}

/** The numbers of the fields that a delta changes, ascending. */
export function fieldsOfDelta(shape: ContextShape, delta: Delta): readonly number[] {
  const numbers = new Set<number>();
  for (const [name] of delta) {
    const number = shape.numbers.get(name);
    if (number !== undefined) {
      numbers.add(number);
    }
  }
  return [...numbers].sort((left, right) => left - right);
}

/**
 * A delta as it is stored. Throws `PAYLOAD_TOO_LARGE` and `TOO_MANY_KEYS`; `maxBytes` is `LIMITS.payloadBytes` unless
 * given. Nothing that a field accepted is too deep for it.
 */
export function encodeDelta(
  delta: Delta,
  limits: { readonly maxBytes?: number; readonly maxKeys?: number } = {},
): Uint8Array {
  return encodeValue(delta, { what: "the context changes", maxDepth: LIMITS.envelopeDepth, ...limits });
}

/** The delta that was stored. Throws `BACKEND_CORRUPT` for bytes that are no delta. */
export function decodeDelta(bytes: Uint8Array): Delta {
  const decoded = decodeValue(bytes, { what: "a context delta" });
  if (!isDelta(decoded)) {
    throw new MillraceError("BACKEND_CORRUPT", "a context delta is not a list of operations");
  }
  return decoded;
}

/**
 * The first delta of a run: the initial values given for it, in place of those of the definition. Throws
 * `INVALID_INPUT` for a field that the context does not have, naming those it has, and for values that a field cannot
 * start with; `TOO_DEEP`, `TOO_MANY_KEYS`, `PAYLOAD_TOO_LARGE`.
 */
export function encodeInit(shape: ContextShape, init: unknown): Delta {
  const given = readInit(init);
  const unknown = [...given.keys()].filter((name) => !shape.numbers.has(name));
  if (unknown.length > 0) {
    throw unknownFields(shape, unknown);
  }
  return shape.fields.flatMap(({ name }, number): DeltaOperation[] => {
    const behaviour = shape.behaviours[number];
    return behaviour === undefined || !given.has(name)
      ? []
      : [[name, "init", behaviour.takeInit(given.get(name), `context.${name}`)]];
  });
}

/**
 * The first delta of a run that starts with a copy of another run's context, ids and times of events included, except
 * for the fields in `init`. As large as the context. Throws as `encodeInit`.
 */
export function encodeFork(shape: ContextShape, state: ContextState, init?: unknown): Delta {
  const edited = new Map(encodeInit(shape, init).map((operation) => [operation[0], operation]));
  return shape.fields.flatMap(({ name }, number): DeltaOperation[] => {
    const behaviour = shape.behaviours[number];
    const field = state.fields[number];
    const edit = edited.get(name);
    if (edit !== undefined) {
      return [edit];
    }
    return behaviour === undefined || field === undefined || field === behaviour.initial
      ? []
      : [[name, "restore", behaviour.encode(field)]];
  });
}

function isDelta(value: unknown): value is Delta {
  return (
    Array.isArray(value) &&
    value.every(
      (operation) =>
        Array.isArray(operation) &&
        operation.length === 3 &&
        typeof operation[0] === "string" &&
        typeof operation[1] === "string",
    )
  );
}

/** The values that were given, each property read once. */
function readInit(init: unknown): ReadonlyMap<string, unknown> {
  if (init === undefined) {
    return new Map();
  }
  if (typeof init !== "object" || init === null || Array.isArray(init)) {
    throw new MillraceError(
      "INVALID_INPUT",
      `context takes an object of initial values; it was given ${describeValue(init)}`,
    );
  }
  try {
    return new Map(Object.entries(init).filter(([, value]) => value !== undefined));
  } catch (cause) {
    throw new MillraceError("INVALID_INPUT", "context takes an object of initial values; it cannot be read", { cause });
  }
}

/** More names than this are counted, not listed. */
const LISTED_NAMES = 20;

function unknownFields(shape: ContextShape, unknown: readonly string[]): MillraceError {
  const names = unknown.slice(0, LISTED_NAMES).map(describeValue).join(", ");
  const rest = unknown.length > LISTED_NAMES ? ` and ${unknown.length - LISTED_NAMES} more` : "";
  const known = shape.fields.map(({ name }) => name).join(", ");
  const hint = known === "" ? "The workflow has no context." : `Its fields are: ${known}.`;
  return new MillraceError("INVALID_INPUT", `the context has no field ${names}${rest}; ${hint}`, { hints: [hint] });
}
