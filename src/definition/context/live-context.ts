/**
 * The context as one execution of a body sees it: the committed one as of its start, plus its own changes. It records
 * operations, not a new document, and which fields were read, so that a commit can be conditional on them. It writes
 * nothing; what it recorded is dropped or becomes a delta. Invariant: what the body sees after a change is what folding
 * the delta gives, since both go through the same function of the field's kind.
 */

import { MillraceError } from "../../core/millrace-error.ts";
import type { FieldBehaviour, FieldSession, Operation, Stamp, Target } from "./behaviour.ts";
import type { Delta, DeltaOperation } from "./delta.ts";
import type { Fields, LiveContext } from "./field.ts";
import type { FieldState } from "./field-state.ts";
import type { ContextShape } from "./shape.ts";
import type { ContextState } from "./state.ts";

/** What one execution sees of its run's context, and what it did to it. */
export interface AttemptContext {
  /** What the body is given. Reads work as long as it is held; changes throw `CLOSED` after `close`. */
  readonly live: LiveContext<Fields>;
  /** Numbers of the fields whose values the body looked at, ascending. Fixed fields cannot change and are left out. */
  reads(): readonly number[];
  /** Numbers of the fields that `delta` changes, ascending. */
  writes(): readonly number[];
  /** Numbers of the fields whose new value was computed from the old one by `update`, ascending: a commit must be conditional on them. */
  updates(): readonly number[];
  /** The changes; `undefined` if there are none. The same object may be applied and encoded, and must not be changed. */
  delta(): Delta | undefined;
  /**
   * Makes the recorded changes again on a newer state, calling the functions given to `update` and to merged fields
   * again, instead of executing the body again. Refused, with nothing changed, if a field that the body looked at has
   * changed since, unless `ignoreReads`: for nodes that are not serializable. Throws what those functions throw.
   */
  rebase(state: ContextState, options?: { readonly ignoreReads?: boolean | undefined }): Rebased;
  /** Ends the execution: later changes throw `CLOSED`, later reads are not recorded. Idempotent. */
  close(): void;
  /** Ends the execution and drops everything it recorded: reads, changes, and what it saw of them. Idempotent. */
  discard(): void;
}

/** Whether recorded changes fit a newer state. */
type Rebased =
  | { readonly kind: "rebased"; readonly delta: Delta | undefined }
  /** The body looked at these fields, and they changed: it has to run again. */
  | { readonly kind: "stale"; readonly fields: readonly number[] };

/**
 * Opens the context for one execution. `at` of the stamp is when the attempt began, for its own events. Costs the same
 * for every context: fields are made when the body first touches them.
 */
export function openContext(shape: ContextShape, state: ContextState, stamp: Stamp): AttemptContext {
  return new Attempt(shape, state, stamp);
}

/** Operations on one field after which they are first compacted, so that a loop of changes does not pile them up. */
const COMPACT_AFTER = 64;

/** What an execution did to one field. */
interface TouchedField {
  readonly behaviour: FieldBehaviour;
  readonly target: Target;
  state: FieldState;
  operations: Operation[];
  /** Changes in `operations`, the elements of lists counted each, and how many there may be before they are compacted. */
  weight: number;
  compactAt: number;
  isRead: boolean;
  readonly live: object;
}

class Attempt implements AttemptContext {
  readonly live: LiveContext<Fields>;
  readonly #shape: ContextShape;
  readonly #stamp: Stamp;
  readonly #touched: (TouchedField | undefined)[] = [];
  #base: ContextState;
  #isClosed = false;
  /** Set while a function of the user's runs that must be pure. */
  #isComputing = false;

  constructor(shape: ContextShape, state: ContextState, stamp: Stamp) {
    this.#shape = shape;
    this.#base = state;
    this.#stamp = stamp;
    this.live = new (liveClassOf(shape))(this);
  }

  field(number: number): object | undefined {
    const known = this.#touched[number];
    if (known !== undefined) {
      return known.live;
    }
    const behaviour = this.#shape.behaviours[number];
    const name = this.#shape.fields[number]?.name;
    const state = this.#base.fields[number];
    if (behaviour === undefined || name === undefined || state === undefined) {
      return undefined;
    }
    const target = { name, item: this.#stamp.item, epoch: this.#stamp.epoch, at: this.#stamp.at };
    const opened: TouchedField = {
      behaviour,
      target,
      state,
      operations: [],
      weight: 0,
      compactAt: COMPACT_AFTER,
      isRead: false,
      live: behaviour.open(this.#sessionFor(number, `context.${name}`)),
    };
    this.#touched[number] = opened;
    return opened.live;
  }

  reads(): readonly number[] {
    return this.#numbersWhere(({ isRead }) => isRead);
  }

  writes(): readonly number[] {
    return this.#numbersWhere((field) => compacted(field).length > 0);
  }

  updates(): readonly number[] {
    return this.#numbersWhere((field) => compacted(field).some(({ updates }) => updates !== undefined));
  }

  delta(): Delta | undefined {
    const delta: DeltaOperation[] = [];
    for (const number of this.#numbersWhere(() => true)) {
      const field = this.#field(number);
      for (const { operation, argument } of compacted(field)) {
        delta.push([field.target.name, operation, argument]);
      }
    }
    return delta.length === 0 ? undefined : delta;
  }

  rebase(state: ContextState, options: { readonly ignoreReads?: boolean | undefined } = {}): Rebased {
    const stale = this.reads().filter((number) => state.fields[number] !== this.#base.fields[number]);
    if (stale.length > 0 && options.ignoreReads !== true) {
      return { kind: "stale", fields: stale };
    }
    const numbers = this.#numbersWhere(() => true);
    // All functions of the user's first: if one throws, nothing has changed.
    const replayed = this.#compute(() => numbers.map((number) => replay(this.#field(number), state.fields[number])));
    for (const { field, state, operations } of replayed) {
      field.state = state;
      field.operations = operations;
    }
    this.#base = state;
    return { kind: "rebased", delta: this.delta() };
  }

  close(): void {
    this.#isClosed = true;
  }

  discard(): void {
    this.#isClosed = true;
    for (const number of this.#numbersWhere(() => true)) {
      const field = this.#field(number);
      field.state = this.#base.fields[number] ?? field.behaviour.initial;
      field.operations = [];
      field.weight = 0;
      field.isRead = false;
    }
  }

  #sessionFor(number: number, what: string): FieldSession<FieldState> {
    return {
      what,
      read: () => {
        const field = this.#field(number);
        field.isRead ||= !this.#isClosed && field.behaviour.kind !== "fixed";
        return field.state;
      },
      change: (operation, argument) => {
        this.#checkOpen(what);
        this.#record(number, { operation, argument });
      },
      update: (operation, compute) => {
        this.#checkOpen(what);
        const argument = this.#compute(() => compute(this.#field(number).state));
        this.#record(number, { operation, argument, updates: [compute] });
      },
    };
  }

  #field(number: number): TouchedField {
    const field = this.#touched[number];
    if (field === undefined) {
      throw new MillraceError("INTERNAL", `field ${number} of a context was used before it was opened`);
    }
    return field;
  }

  #numbersWhere(isWanted: (field: TouchedField) => boolean): readonly number[] {
    return this.#touched.flatMap((field, number) => (field !== undefined && isWanted(field) ? [number] : []));
  }

  #checkOpen(what: string): void {
    if (this.#isClosed) {
      throw new MillraceError("CLOSED", `${what} cannot be changed any more: the attempt it belongs to has ended`, {
        hints: ["Await everything that changes the context before returning from run."],
      });
    }
    if (this.#isComputing) {
      throw new MillraceError(
        "INVALID_VALUE",
        `${what} cannot be changed inside of a function given to update or merge: such functions must be pure`,
      );
    }
  }

  #compute<T>(compute: () => T): T {
    this.#isComputing = true;
    try {
      return compute();
    } finally {
      this.#isComputing = false;
    }
  }

  #record(number: number, operation: Operation): void {
    const field = this.#field(number);
    const next = this.#compute(() =>
      field.behaviour.apply(field.state, operation.operation, operation.argument, field.target),
    );
    if (next === field.state) {
      return;
    }
    field.state = next;
    field.operations.push(operation);
    field.weight += weightOf(field, operation);
    if (field.weight >= field.compactAt) {
      // Compacted only when twice as long, so that all compactions together cost about as much as the changes.
      compacted(field);
      field.compactAt = Math.max(COMPACT_AFTER, 2 * field.weight);
    }
  }
}

function compacted(field: TouchedField): readonly Operation[] {
  if (field.operations.length > 1) {
    field.operations = [...field.behaviour.compact(field.operations)];
    field.weight = field.operations.reduce((weight, operation) => weight + weightOf(field, operation), 0);
  }
  return field.operations;
}

function weightOf(field: TouchedField, operation: Operation): number {
  return field.behaviour.takesLists && Array.isArray(operation.argument) ? operation.argument.length : 1;
}

/** The same operations on another state. */
function replay(
  field: TouchedField,
  onto: FieldState | undefined,
): { readonly field: TouchedField; readonly state: FieldState; readonly operations: Operation[] } {
  const { behaviour, target } = field;
  let state = onto ?? behaviour.initial;
  const operations: Operation[] = [];
  for (const recorded of compacted(field)) {
    let argument = recorded.argument;
    const before = state;
    for (const update of recorded.updates ?? [() => recorded.argument]) {
      argument = update(state);
      state = behaviour.apply(state, recorded.operation, argument, target);
    }
    if (state !== before) {
      operations.push({ ...recorded, argument });
    }
  }
  return { field, state, operations };
}

/**
 * What user code holds: nothing but getters of fields. The attempt is in a private property, out of its reach, and not
 * in a `WeakMap`, which made the garbage collector the largest part of an attempt.
 */
class Live {
  readonly #attempt: Attempt;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
    Object.freeze(this);
  }

  static fieldOf(live: unknown, number: number): object | undefined {
    return typeof live === "object" && live !== null && #attempt in live ? live.#attempt.field(number) : undefined;
  }
}

type LiveClass = new (attempt: Attempt) => Live & LiveContext<Fields>;

const liveClasses = new WeakMap<ContextShape, LiveClass>();

/** Made once for a shape: its instances have a getter for each field and inherit nothing, not even `constructor`. */
function liveClassOf(shape: ContextShape): LiveClass {
  const known = liveClasses.get(shape);
  if (known !== undefined) {
    return known;
  }
  const made: LiveClass = class extends Live {
    readonly [name: string]: unknown;
  };
  for (const [number, { name }] of shape.fields.entries()) {
    Object.defineProperty(made.prototype, name, {
      enumerable: true,
      get() {
        return Live.fieldOf(this, number);
      },
    });
  }
  if (!shape.numbers.has("constructor")) {
    Reflect.deleteProperty(made.prototype, "constructor");
  }
  Object.freeze(Object.setPrototypeOf(made.prototype, null));
  liveClasses.set(shape, made);
  return made;
}
