/**
 * What a store of rows can be told to change, as lines of text, and which of these lines still count. A change is a call of
 * one of the store's methods that return nothing: whoever makes the same calls in the same order on empty rows has the
 * same rows. Invariant: leaving out lines that do not count any more makes no difference.
 */

import type { RowStore } from "millrace/backend";

type ChangeName = { [N in keyof RowStore]: ReturnType<RowStore[N]> extends void ? N : never }[keyof RowStore];

/** What a change does to the lines before it. `owner` is what is removed as a whole, such as a run with all its rows. */
export type Effect =
  /** Takes the place of the last one for the same row. */
  | { readonly kind: "row"; readonly owner: string; readonly row: string }
  /** The same for a row that has its name for itself, whoever owns it: it may have had another owner. */
  | { readonly kind: "named"; readonly owner: string; readonly row: string }
  /** The row of this name is gone. */
  | { readonly kind: "unnamed"; readonly row: string }
  /** Stays beside all others. */
  | { readonly kind: "fact"; readonly owner: string }
  /** Takes the place of everything that the owner had. */
  | { readonly kind: "anew"; readonly owner: string }
  /** Nothing of the owner is left. */
  | { readonly kind: "gone"; readonly owner: string }
  /** Of the sessions only these are left. */
  | { readonly kind: "sessions"; readonly left: ReadonlySet<string> };

const SESSIONS = "sessions";
const run = (runId: string, row: string): Effect => ({ kind: "row", owner: `run ${runId}`, row });
const fact = (runId: string): Effect => ({ kind: "fact", owner: `run ${runId}` });
const checkpoint = (kind: "anew" | "fact" | "gone", id: string): Effect => ({ kind, owner: `checkpoint ${id}` });
const nameOf = (kind: string, key: string): string => JSON.stringify([kind, key]);

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
  insertArrival: ({ runId }) => fact(runId),
  insertOutput: (runId) => fact(runId),
  insertDelta: (runId) => fact(runId),
  putSnapshot: (runId, shape) => run(runId, `snapshot ${shape}`),
  insertMemo: (runId) => fact(runId),
  putProgress: (runId, { item }) => run(runId, `progress ${item}`),
  insertFailure: ({ runId }) => fact(runId),
  insertMetric: ({ runId }) => fact(runId),
  insertLog: (runId) => fact(runId),
  insertAudit: ({ runId }) => fact(runId),
  putSession: ({ id }) => ({ kind: "row", owner: SESSIONS, row: id }),
  // Which ones the store has chosen is seen by what it has left.
  removeSessions: () => ({ kind: "sessions", left: new Set() }),
  putEntry: ({ kind, key, runId }) => ({
    kind: "named",
    owner: runId === undefined ? "entries" : `run ${runId}`,
    row: nameOf(kind, key),
  }),
  removeEntry: ({ kind, key }) => ({ kind: "unnamed", row: nameOf(kind, key) }),
  putCheckpoint: ({ id }) => checkpoint("anew", id),
  appendCheckpoint: ({ id }) => checkpoint("fact", id),
  removeCheckpoint: (id) => checkpoint("gone", id),
};

/** A call of a method of the store. */
export interface Change {
  readonly name: ChangeName;
  readonly args: readonly unknown[];
}

/** What a change that the store has just made does to the lines before it. */
export function effectOf({ name, args }: Change, store: RowStore): Effect {
  const effect: Effect = Reflect.apply(EFFECTS[name], undefined, args);
  return effect.kind === "sessions" ? { ...effect, left: new Set(store.sessions().map(({ id }) => id)) } : effect;
}

/** The store, with everything that changes it told to `record` when it was done. */
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
  /** Owners of the rows that have names of their own. */
  readonly #named = new Map<string, string>();
  #facts = 0;

  /** A change with this effect was written there. */
  note(effect: Effect, place: Place): void {
    switch (effect.kind) {
      case "row":
        return this.#put(effect.owner, effect.row, place);
      case "named":
        this.#forget(effect.row);
        this.#named.set(effect.row, effect.owner);
        return this.#put(effect.owner, effect.row, place);
      case "unnamed":
        return this.#forget(effect.row);
      case "fact":
        return this.#put(effect.owner, `fact ${this.#facts++}`, place);
      case "anew":
        this.#owners.delete(effect.owner);
        return this.#put(effect.owner, "whole", place);
      case "gone":
        for (const row of this.#owners.get(effect.owner)?.keys() ?? []) this.#named.delete(row);
        this.#owners.delete(effect.owner);
        return;
      case "sessions": {
        const sessions = this.#owners.get(SESSIONS);
        for (const id of [...(sessions?.keys() ?? [])]) if (!effect.left.has(id)) sessions?.delete(id);
      }
    }
  }

  /** In the order in which they were written. */
  places(): readonly Place[] {
    return [...this.#owners.values()].flatMap((places) => [...places.values()]).sort((a, b) => a.at - b.at);
  }

  #put(owner: string, row: string, place: Place): void {
    this.#owners.set(owner, (this.#owners.get(owner) ?? new Map<string, Place>()).set(row, place));
  }

  #forget(row: string): void {
    this.#owners.get(this.#named.get(row) ?? "")?.delete(row);
    this.#named.delete(row);
  }
}
