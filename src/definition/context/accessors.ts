/**
 * What user code sees of a context field: the interfaces by which a node reads and changes it and a reader reads it.
 * Only shapes, no behaviour. Changes are functions in properties, never methods, so that a field of one type does not
 * pass for a field of a wider one, and so that they may be handed on (`list.map(context.log.append)`). Values that are
 * read are frozen: whoever wants to work on one, copies it.
 */

/** An event and where it comes from. */
export interface LoggedEvent<E> {
  /** Item, epoch and index of the event within its attempt, as `item/epoch/index`: unique in its log, and stable. */
  readonly id: string;
  /** The backend's time of the commit, in ms since 1970; of an event not yet committed, when its attempt began. */
  readonly at: number;
  readonly event: E;
}

/** A value that is only read. */
export interface Fixed<T> {
  readonly value: T;
}

/** One value; the later commit wins. */
export interface Register<T> extends Fixed<T> {
  /** Replaces the value, whatever it is. Throws `INVALID_VALUE` for what cannot be stored, `CLOSED` after the attempt. */
  readonly set: (value: T) => void;
  /**
   * Replaces the value by `fn` of it. No update is lost: if somebody else changed the field in the meantime, `fn` is
   * called again with the newer value. So it must be pure; it may change the copy that it is given. Throws as `set`.
   */
  readonly update: (fn: (value: T) => T) => void;
}

/** A number that is added to; all additions count, exactly. */
export interface Counter extends Fixed<number> {
  /** Adds 1, or a finite number no larger than 2^53 - 1 either way. Throws `INVALID_VALUE` and `CLOSED`. */
  readonly add: (n?: number) => void;
}

/** Events in commit order, then in the order they were appended. */
export interface EventLogView<E> extends Iterable<LoggedEvent<E>> {
  /** The events without their origin, in a frozen array. Takes time and memory in proportion to the log. */
  readonly events: readonly E[];
  readonly length: number;
  fold<S>(initial: S, reduce: (state: S, event: E) => S): S;
}

/** An event log that can be appended to; every event is kept. */
export interface EventLog<E> extends EventLogView<E> {
  /** Throws `INVALID_VALUE` for what cannot be stored, `CLOSED` after the attempt. */
  readonly append: (event: E) => void;
}

/** Values without repetition, in the order they were added. Two values are the same if their canonical JSON is. */
export interface SetView<T> extends Iterable<T> {
  has(value: T): boolean;
  readonly size: number;
}

/** A set that can be changed; for each element the later commit wins. Changes throw `INVALID_VALUE` and `CLOSED`. */
export interface SetField<T> extends SetView<T> {
  readonly add: (value: T) => void;
  readonly delete: (value: T) => void;
}

/** Values by string key, in the order the keys were added. */
export interface MapView<V> extends Iterable<readonly [string, V]> {
  get(key: string): V | undefined;
  has(key: string): boolean;
  readonly size: number;
}

/** A map that can be changed; for each key the later commit wins. Changes throw `INVALID_VALUE` and `CLOSED`. */
export interface MapField<V> extends MapView<V> {
  readonly set: (key: string, value: V) => void;
  readonly delete: (key: string) => void;
}

/** The largest or smallest number offered; `undefined` before the first. */
export interface Extreme extends Fixed<number | undefined> {
  /** Takes a finite number. Throws `INVALID_VALUE` and `CLOSED`. */
  readonly offer: (n: number) => void;
}

/** A value that is merged by the user's own function. */
export interface Merged<T> extends Fixed<T> {
  /** Throws `INVALID_VALUE` for what cannot be stored, `INVALID_OUTPUT` if the user's merge fails, `CLOSED` after the attempt. */
  readonly merge: (fragment: T) => void;
}
