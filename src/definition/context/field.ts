/**
 * How a user declares a context: `field.counter()` and so on, put together by `context({ … })`. Here are the types that
 * carry each field's value types through nodes and workflows; how fields fold is in one file per kind. Initial values
 * are checked and copied at once, names when the context is made. Invariant: a field is frozen and holds no run's data,
 * so one field may be part of many contexts.
 */

import { LIMITS } from "../../core/limits.ts";
import { MillraceError } from "../../core/millrace-error.ts";
import { checkName, isName } from "../../core/names.ts";
import type {
  Counter,
  EventLog,
  EventLogView,
  Extreme,
  Fixed,
  MapField,
  MapView,
  Merged,
  Register,
  SetField,
  SetView,
} from "./accessors.ts";
import type { FieldBehaviour } from "./behaviour.ts";
import { counterBehaviour, takeIncrement } from "./counter-field.ts";
import { eventLogBehaviour } from "./event-log-field.ts";
import { extremeBehaviour } from "./extreme-field.ts";
import type { FieldKind } from "./field-state.ts";
import { mapBehaviour } from "./map-field.ts";
import { mergedBehaviour } from "./merged-field.ts";
import { fixedBehaviour, registerBehaviour } from "./register-field.ts";
import { setBehaviour } from "./set-field.ts";
import { takeValue } from "./shared-value.ts";

/** A declared field: what a node sees of it (`Live`), what a reader sees (`View`), what `startRun` accepts (`Init`). */
export interface Field<Live, View, Init> {
  readonly field: FieldKind;
  /** For the engine. */
  readonly "~behaviour": FieldBehaviour;
  readonly "~types"?: { readonly live: Live; readonly view: View; readonly init: Init } | undefined;
}

/** A field of any kind and type. */
export type AnyField = Field<unknown, unknown, unknown>;

/** Fields by name. */
export interface Fields {
  readonly [name: string]: AnyField;
}

/** What a node sees of a field. */
type Live<F> = F extends Field<infer L, unknown, unknown> ? L : never;
/** What a reader sees of a field. */
export type View<F> = F extends Field<unknown, infer V, unknown> ? V : never;
/** What `startRun` accepts for a field. */
type Init<F> = F extends Field<unknown, unknown, infer I> ? I : never;

/** A node's view of its run's context. */
export type LiveContext<F> = { readonly [K in keyof F]: Live<F[K]> };
/** A reader's view of a run's context as of one moment. */
export type ContextView<F> = { readonly [K in keyof F]: View<F[K]> } & {
  /** How many deltas it holds. */
  readonly sequence: number;
  /** The values by field, as plain JSON; bytes as `{"$bytes": base64}`, an extreme of nothing as null. */
  toJSON(): { readonly [name: string]: unknown };
};
/** Initial values by field. */
export type ContextInit<F> = { readonly [K in keyof F]?: Init<F[K]> | undefined };

/** A declared context; `fields` may be spread into the declaration of a larger one. */
export interface Context<F extends Fields> {
  readonly fields: F;
}
/** The fields of a context; none of `undefined`. */
export type FieldsOf<C> = C extends Context<infer F> ? F : Record<never, never>;

// Named, so that hovers and .d.ts files stay short.
export interface FixedField<T> extends Field<Fixed<T>, Fixed<T>, T> {}
export interface RegisterField<T> extends Field<Register<T>, Fixed<T>, T> {}
export interface EventLogField<E> extends Field<EventLog<E>, EventLogView<E>, readonly E[]> {}
export interface CounterField extends Field<Counter, Fixed<number>, number> {}
export interface SetFieldOf<T> extends Field<SetField<T>, SetView<T>, readonly T[]> {}
export interface MapFieldOf<V> extends Field<MapField<V>, MapView<V>, Readonly<Record<string, V>>> {}
export interface ExtremeField extends Field<Extreme, Fixed<number | undefined>, number> {}
export interface MergedField<T> extends Field<Merged<T>, Fixed<T>, T> {}

/**
 * The kinds of context fields. One import instead of nine, since `set` and `map` alone say nothing. Initial values are
 * copied; `INVALID_VALUE` for those that cannot be stored.
 */
export const field = Object.freeze({
  /** A value that never changes after the start of the run. */
  fixed<T>(value: T): FixedField<T> {
    return declare(fixedBehaviour(takeValue(value, "field.fixed")));
  },
  /** One value; the later commit wins. */
  register<T>(initial: T): RegisterField<T> {
    return declare(registerBehaviour(takeValue(initial, "field.register")));
  },
  /** All events once, in commit order. */
  eventLog<E>(): EventLogField<E> {
    return declare(eventLogBehaviour());
  },
  /** The sum of all increments. */
  counter(n = 0): CounterField {
    return declare(counterBehaviour(takeIncrement(n, "field.counter")));
  },
  /** Values without repetition; for each the later commit wins. */
  set<T>(): SetFieldOf<T> {
    return declare(setBehaviour());
  },
  /** Values by string key; for each key the later commit wins. */
  map<V>(): MapFieldOf<V> {
    return declare(mapBehaviour());
  },
  /** The largest number offered. */
  maximum(): ExtremeField {
    return declare(extremeBehaviour("maximum"));
  },
  /** The smallest number offered. */
  minimum(): ExtremeField {
    return declare(extremeBehaviour("minimum"));
  },
  /** Folded by the user's own function, which must be pure and associative, with `empty` as its identity. */
  merged<T>(options: { readonly empty: T; readonly merge: (a: T, b: T) => T }): MergedField<T> {
    const { empty, merge } = options;
    if (typeof merge !== "function") {
      throw new MillraceError("INVALID_VALUE", "field.merged takes a function as merge");
    }
    // What a field holds came in as T: as `empty`, as a fragment, or out of `merge`.
    const untyped = (left: unknown, right: unknown): unknown => merge(left as T, right as T);
    return declare(mergedBehaviour(takeValue(empty, "field.merged"), untyped));
  },
});

/**
 * Puts fields together. Throws `INVALID_WORKFLOW` with all problems at once: names that are no names, the names
 * `sequence` and `toJSON`, which a reader's view has itself, and values that are no fields.
 */
export function context<F extends Fields>(fields: F): Context<F> {
  checkFields(fields);
  return Object.freeze({ fields: Object.freeze({ ...fields }) });
}

/** Throws `INVALID_WORKFLOW` with everything that is wrong with the fields of a context. */
export function checkFields(fields: unknown): void {
  const problems = problemsOf(fields);
  if (problems.length > 0) {
    const list = problems.map((problem) => `- ${problem}`).join("\n");
    throw new MillraceError("INVALID_WORKFLOW", `the context has problems:\n${list}`, { details: { problems } });
  }
}

function problemsOf(fields: unknown): readonly string[] {
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    return ["the fields of a context must be an object of fields"];
  }
  const problems: string[] = [];
  const entries = Object.entries(fields);
  if (entries.length > LIMITS.contextFields) {
    problems.push(`it has ${entries.length} fields; at most ${LIMITS.contextFields} are allowed`);
  }
  for (const [name, declared] of entries) {
    if (!isName(name)) {
      problems.push(nameProblem(name));
    } else if (RESERVED_NAMES.has(name)) {
      problems.push(`a field cannot be called "${name}": the view of a context has a property of that name`);
    } else if (!isField(declared)) {
      problems.push(
        `"${name}" is not a field: declare it with one of ${Object.keys(field)
          .map((kind) => `field.${kind}`)
          .join(", ")}`,
      );
    }
  }
  return problems;
}

const RESERVED_NAMES: ReadonlySet<string> = new Set(["sequence", "toJSON"]);

/** No types to carry at run time: what `declare` gives fits every `Field` type, and only the functions above choose one. */
function declare(behaviour: FieldBehaviour): Omit<AnyField, "~types"> {
  return Object.freeze({ field: behaviour.kind, "~behaviour": behaviour });
}

function isField(value: unknown): value is AnyField {
  return typeof value === "object" && value !== null && "field" in value && "~behaviour" in value;
}

function nameProblem(name: string): string {
  try {
    checkName(name, "the name of a context field");
    return "";
  } catch (problem) {
    return problem instanceof Error ? problem.message : "the name of a context field is not a name";
  }
}
