/**
 * The hub of an event: one row for each name and key, which everybody writes who registers or sends, so that the two never
 * miss each other. Waits lie in its list of waiters, events that nobody has taken in its buffer, both in the order in
 * which they came. Invariant: a buffered event and a waiter that it matches are never both there.
 */

import { canonicalJson, digest } from "../../core/digest.ts";
import { LIMITS } from "../../core/limits.ts";
import { decodeValue } from "../../core/values.ts";
import type { EventCondition, NewWait } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { Facts } from "./entry-facts.ts";
import { type Place, windowOf } from "./messages.ts";
import { type EventAddress, isCondition, post, type WaitAddress } from "./outbox.ts";
import type { Entry, RowStore } from "./row-store.ts";

const HUB = "hub";
const WAITER = "waiter";
const BUFFERED = "event";
/** Rows of a hub that are looked at in one go. */
const WINDOW = 100;
const HUB_ID_LENGTH = 32;
/** All hubs, by when they were used last. */
export const HUBS = "hubs";
/** All kept events, by age. */
export const KEPT_EVENTS = "events";

export interface Waiter extends WaitAddress {
  /** Where it stands on the list. */
  readonly place: Place;
  /** Of a wait in another partition: which correspondence this is. */
  readonly turn: number;
  readonly conditions: readonly EventCondition[];
  readonly entry: Entry;
}

/** Names the hub of an event, and its partition. */
export function hubIdOf({ name, key }: EventAddress): string {
  return digest(JSON.stringify([name, key])).slice(0, HUB_ID_LENGTH);
}

/** Where waiters and events of one name and key meet. Precondition: it lies in the partition of the step. */
export class EventHub {
  readonly #step: Pick<AtomicStep, "store" | "here" | "now">;
  readonly #id: string;
  /** The place of whoever comes next. */
  #next: number;
  /** Events in the buffer. */
  #kept: number;

  /** Opens the hub for writing: whoever else does so comes before or after this step. */
  constructor(step: Pick<AtomicStep, "store" | "here" | "now">, id: string) {
    this.#step = step;
    this.#id = id;
    const known = step.store.entry(HUB, id);
    const facts = known && new Facts(known);
    this.#next = facts?.number("next") ?? 1;
    this.#kept = facts?.number("kept") ?? 0;
  }

  /** Whether no more events are kept. */
  get isFull(): boolean {
    return this.#kept >= LIMITS.keptEvents;
  }

  /** Comes after everybody who is on a list by now. */
  get end(): number {
    return this.#next;
  }

  /** Takes the first kept event that meets the conditions; its payload. */
  take(conditions: readonly EventCondition[]): Uint8Array | undefined {
    for (const entry of listed(this.#step.store, `events:${this.#id}`)) {
      const { value } = entry;
      if (value === undefined || !meets(value, conditions)) continue;
      this.drop(entry);
      return value;
    }
    return undefined;
  }

  /** Takes an event out of the buffer. */
  drop(entry: Entry): void {
    this.#step.store.removeEntry(entry);
    this.#kept -= 1;
    this.#write();
  }

  /** Puts a wait on the list. */
  register(wait: WaitAddress, conditions: readonly EventCondition[], turn = 0): void {
    const { store, here } = this.#step;
    store.putEntry({
      kind: WAITER,
      key: waiterKey(wait),
      // One of another partition does not go away with its run, but when an event finds nobody there.
      runId: here(wait.runId) ? wait.runId : undefined,
      facts: JSON.stringify({ ...wait, turn, conditions }),
      value: undefined,
      places: [{ list: `waiters:${this.#id}`, at: this.#place() }],
    });
  }

  /** The same for one that may be on it. */
  registerAgain(wait: WaitAddress, conditions: readonly EventCondition[], turn = 0): void {
    if (this.#step.store.entry(WAITER, waiterKey(wait)) === undefined) this.register(wait, conditions, turn);
  }

  /** Takes a wait that is over off the list. */
  withdraw(wait: WaitAddress): void {
    withdraw(this.#step.store, wait);
  }

  /** Those who are registered from a place on and whose conditions the payload meets, longest first, each with its place. */
  *waitersFor(payload: Uint8Array, after?: Place): Generator<Waiter, undefined> {
    for (const entry of listed(this.#step.store, waitersAt(this.#id), after)) {
      const waiter = waiterOf(entry);
      if (meets(payload, waiter.conditions)) yield waiter;
    }
  }

  /** Keeps an event until somebody takes it. */
  keep(payload: Uint8Array): void {
    const { store, now: at } = this.#step;
    this.#kept += 1;
    const place = this.#place();
    store.putEntry({
      kind: BUFFERED,
      key: `${this.#id}.${place}`,
      runId: undefined,
      facts: JSON.stringify({ at }),
      value: payload,
      places: [
        { list: `events:${this.#id}`, at: place },
        { list: KEPT_EVENTS, at },
      ],
    });
  }

  /** Counts as used now. */
  touch(): void {
    this.#write();
  }

  #place(): number {
    const place = this.#next;
    this.#next += 1;
    this.#write();
    return place;
  }

  #write(): void {
    const { store, now: at } = this.#step;
    const facts = JSON.stringify({ next: this.#next, kept: this.#kept });
    const places = [{ list: HUBS, at }];
    store.putEntry({ kind: HUB, key: this.#id, runId: undefined, facts, value: undefined, places });
  }
}

/** Removes a hub that nobody has used for long, and where nobody is; else it counts as used. */
export function removeEmptyHub(step: Pick<AtomicStep, "store" | "here" | "now">, { kind, key, runId }: Entry): void {
  const { store } = step;
  const isEmpty = [waitersAt(key), `events:${key}`].every((list) => store.entries(list, { limit: 1 }).length === 0);
  if (isEmpty) store.removeEntry({ kind, key, runId });
  else new EventHub(step, key).touch();
}

/** The hub that a kept event lies in. */
export function hubOf(kept: Entry): string {
  return kept.key.slice(0, HUB_ID_LENGTH);
}

/**
 * Registers the wait of an item at the hub of its event, unless a kept event ends it at once: its payload then. `again`: it
 * may be registered already.
 */
export function registerAtHub(
  step: AtomicStep,
  item: WorkItem,
  event: NonNullable<NewWait["event"]>,
  again = false,
): Uint8Array | undefined {
  const { conditions, name, key } = event;
  const wait = addressOf(item);
  if (!step.here(hubIdOf(event))) {
    const turn = step.run(item.runId)?.generation ?? 0;
    post(step, hubIdOf(event), { kind: "register", event: { name, key }, wait, turn, conditions, payload: undefined });
    return undefined;
  }
  const hub = new EventHub(step, hubIdOf(event));
  const payload = hub.take(conditions);
  if (payload !== undefined) return payload;
  if (again) hub.registerAgain(wait, conditions);
  else hub.register(wait, conditions);
  return undefined;
}

/** Takes the wait of an item, which is over, off the list of its hub. */
export function withdrawFromHub(step: AtomicStep, item: WorkItem, event: EventAddress): void {
  const wait = addressOf(item);
  if (step.here(hubIdOf(event))) withdraw(step.store, wait);
  else post(step, hubIdOf(event), { kind: "withdraw", event, wait, turn: 0, conditions: [], payload: undefined });
}

function withdraw(store: RowStore, wait: WaitAddress): void {
  const entry = store.entry(WAITER, waiterKey(wait));
  if (entry !== undefined) store.removeEntry(entry);
}

function addressOf({ runId, item, wait, epoch }: WorkItem): WaitAddress {
  return { runId, item, number: wait?.number ?? epoch };
}

/** By its number too: a wait that comes after this one is another. */
function waiterKey({ runId, item, number }: WaitAddress): string {
  return `${runId}.${item}.${number}`;
}

function waiterOf(entry: Entry): Waiter {
  const facts = new Facts(entry);
  return {
    place: { at: entry.places[0]?.at ?? 0, key: entry.key },
    runId: facts.text("runId"),
    item: facts.number("item"),
    number: facts.number("number"),
    turn: facts.optionalNumber("turn") ?? 0,
    conditions: facts.list("conditions").filter(isCondition),
    entry,
  };
}

function waitersAt(hub: string): string {
  return `waiters:${hub}`;
}

/** All entries of a list from a place on, window by window; the list may lose what has been given. */
function* listed(store: RowStore, list: string, from?: Place): Generator<Entry, undefined> {
  let after = from;
  do {
    const { entries, next } = windowOf(store, list, after, WINDOW);
    yield* entries;
    after = next;
  } while (after !== undefined);
}

/** Payloads are opaque to a backend, unless somebody asks for what is in them; one that cannot be read meets no condition. */
function meets(payload: Uint8Array, conditions: readonly EventCondition[]): boolean {
  if (conditions.length === 0) return true;
  const value = readable(payload);
  return conditions.every(({ path, equals }) => {
    const found = valueAt(value, path);
    return found !== undefined && canonicalJson(found) === equals;
  });
}

function readable(payload: Uint8Array): unknown {
  try {
    return decodeValue(payload);
  } catch {
    return undefined;
  }
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}
