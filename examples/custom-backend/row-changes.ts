/**
 * What a store of rows can be told to change, as lines of text, and which of these lines still count. A change is a call of
 * one of the store's methods that return nothing: whoever makes the same calls in the same order on empty rows has the
 * same rows. Invariant: leaving out lines that do not count any more makes no difference.
 */

import type { RowStore } from "millrace/backend";

type ChangeName = { [N in keyof RowStore]: ReturnType<RowStore[N]> extends void ? N : never }[keyof RowStore];

/** What a change does to the lines before it. `owner` is what is removed as a whole, such as a run with all its rows. */
type Effect =
  /** Takes the place of the last one for the same row. */
  | { readonly kind: "row"; readonly owner: string; readonly row: string }
  /** Stays beside all others. */
  | { readonly kind: "entry"; readonly owner: string }
  /** Takes the place of everything that the owner had. */
  | { readonly kind: "anew"; readonly owner: string }
  /** Nothing of the owner is left. */
  | { readonly kind: "gone"; readonly owner: string }
  /** Sessions are gone that the store chose itself. */
  | { readonly kind: "sessions" };

const SESSIONS = "sessions";
const run = (runId: string, row: string): Effect => ({ kind: "row", owner: `run ${runId}`, row });
const entry = (runId: string): Effect => ({ kind: "entry", owner: `run ${runId}` });
const checkpoint = (kind: "anew" | "entry" | "gone", id: string): Effect => ({ kind, owner: `checkpoint ${id}` });

/** One that belongs to a run goes away with it. */
function ownedEntry({ kind, key, runId }: Parameters<RowStore["removeEntry"]>[0]): Effect {
  return { kind: "row", owner: runId === undefined ? "entries" : `run ${runId}`, row: `entry ${kind} ${key}` };
}

/** Every change there is: a method that is missing here does not compile. */
const EFFECTS: { readonly [N in ChangeName]: (...args: Parameters<RowStore[N]>) => Effect } = {
  putDefinition: ({ hash }) => ({ kind: "row", owner: "definitions", row: hash }),
  insertRun: ({ id }) => run(id, "run"),
  putRun: ({ id }) => run(id, "state"),
  putRunFailure: (id) => run(id, "failure"),
  putRunOutput: (id) => run(id, "output"),
  removeRun: (id) => ({ kind: "gone", owner: `run ${id}` }),
  insertItem: ({ runId, item }) => run(runId, `item ${item}`),
  putItem: ({ runId, item }) => run(runId, `item state ${item}`),
  putPlacement: (runId, item) => run(runId, `item place ${item}`),
  putInput: (runId, item) => run(runId, `item input ${item}`),
  putGroup: ({ runId, group }) => run(runId, `group ${group}`),
  insertArrival: ({ runId }) => entry(runId),
  insertOutput: (runId) => entry(runId),
  insertDelta: (runId) => entry(runId),
  putSnapshot: (runId, shape) => run(runId, `snapshot ${shape}`),
  insertMemo: (runId) => entry(runId),
  putProgress: (runId, { item }) => run(runId, `progress ${item}`),
  insertFailure: ({ runId }) => entry(runId),
  insertMetric: ({ runId }) => entry(runId),
  insertLog: (runId) => entry(runId),
  insertAudit: ({ runId }) => entry(runId),
  putSession: ({ id }) => ({ kind: "row", owner: SESSIONS, row: id }),
  removeSessions: () => ({ kind: "sessions" }),
  putEntry: (put) => ownedEntry(put),
  removeEntry: (removed) => ownedEntry(removed),
  putCheckpoint: ({ id }) => checkpoint("anew", id),
  appendCheckpoint: ({ id }) => checkpoint("entry", id),
  removeCheckpoint: (id) => checkpoint("gone", id),
};

/** A call of a method of the store. */
export interface Change {
  readonly name: ChangeName;
  readonly args: readonly unknown[];
}

/** The store, with everything that changes it told to `record` after it was done. */
export function recorded(store: RowStore, record: (change: Change) => void): RowStore {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function" || !isChangeName(name)) return method;
      return (...args: readonly unknown[]): void => {
        Reflect.apply(method, target, args);
        record({ name, args });
      };
    },
  });
}

/** Makes the call. */
export function perform(store: RowStore, { name, args }: Change): void {
  Reflect.apply(store[name], store, args);
}

/** The change as one line of JSON. */
export function writeChange({ name, args }: Change): string {
  return JSON.stringify([name, ...args.map(packed)]);
}

/** The change in a line that `writeChange` wrote; `undefined` if it is none that this version knows. */
export function readChange(line: string): Change | undefined {
  const [name, ...args]: readonly [unknown, ...unknown[]] = JSON.parse(line, unpacked);
  // No argument is ever null: that is how a missing one is written.
  return isChangeName(name) ? { name, args: args.map((arg) => arg ?? undefined) } : undefined;
}

function isChangeName(name: unknown): name is ChangeName {
  return typeof name === "string" && Object.hasOwn(EFFECTS, name);
}

/** Bytes have no JSON: they become `{ "$bytes": … }`, and keys that begin with `$` get another one before it. */
function packed(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString("base64") };
  if (Array.isArray(value)) return value.map(packed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [key.startsWith("$") ? `$${key}` : key, packed(held)]),
  );
}

/** Called from the inside out, for each value that `JSON.parse` has read. */
function unpacked(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries: readonly [string, unknown][] = Object.entries(value);
  if (!entries.some(([key]) => key.startsWith("$"))) return value;
  const [first] = entries;
  if (first?.[0] === "$bytes") return new Uint8Array(Buffer.from(String(first[1]), "base64"));
  return Object.fromEntries(entries.map(([key, held]) => [key.replace(/^\$/, ""), held]));
}

/** Where a line is in its file; it may be moved to another one. */
export interface Place {
  at: number;
  readonly length: number;
}

/** The places of the lines that still count. */
export class LiveLines {
  readonly #owners = new Map<string, Map<string, Place>>();
  #entries = 0;

  /** The change was written there; the store has it already. */
  note({ name, args }: Change, place: Place, store: RowStore): void {
    const effect: Effect = Reflect.apply(EFFECTS[name], undefined, args);
    if (effect.kind === "sessions") {
      const sessions = this.#owners.get(SESSIONS) ?? new Map<string, Place>();
      for (const id of [...sessions.keys()]) if (store.session(id) === undefined) sessions.delete(id);
      return;
    }
    const { kind, owner } = effect;
    if (kind === "gone" || kind === "anew") this.#owners.delete(owner);
    if (kind === "gone") return;
    const places = this.#owners.get(owner) ?? new Map<string, Place>();
    this.#owners.set(owner, places.set(kind === "row" ? effect.row : `entry ${this.#entries++}`, place));
  }

  /** In the order in which they were written. */
  places(): readonly Place[] {
    return [...this.#owners.values()].flatMap((places) => [...places.values()]).sort((a, b) => a.at - b.at);
  }
}
