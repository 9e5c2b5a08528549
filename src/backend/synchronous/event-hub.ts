/**
 * The hub of an event: one row for each name and key, which everybody writes who registers or sends, so that the two never
 * miss each other. Waits lie in its list of waiters, events that nobody has taken in its buffer, both in the order in
 * which they came. Invariant: a buffered event and a waiter that it matches are never both there.
 */

import { canonicalJson, digest } from "../../core/digest.ts";
import { decodeValue } from "../../core/values.ts";
import type { EventCondition, NewWait } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { Facts } from "./entry-facts.ts";
import { type EventAddress, isCondition, post, type WaitAddress } from "./outbox.ts";
import type { Entry, RowStore } from "./row-store.ts";

const HUB = "hub";
const WAITER = "waiter";
const BUFFERED = "event";
/** Rows of a hub that are looked at in one go. */
const WINDOW = 100;
const HUB_ID_LENGTH = 32;

export interface Waiter extends WaitAddress {
  readonly conditions: readonly EventCondition[];
  readonly entry: Entry;
}

/** Names the hub of an event, and its partition. */
export function hubIdOf({ name, key }: EventAddress): string {
  return digest(JSON.stringify([name, key])).slice(0, HUB_ID_LENGTH);
}

/** Where waiters and events of one name and key meet. Precondition: it lies in the partition of the step. */
export class EventHub {
  readonly #store: RowStore;
  readonly #here: AtomicStep["here"];
  readonly #id: string;
  #next: number;

  /** Opens the hub for writing: whoever else does so comes before or after this step. */
  constructor({ store, here }: Pick<AtomicStep, "store" | "here">, event: EventAddress) {
    this.#store = store;
    this.#here = here;
    this.#id = hubIdOf(event);
    const known = store.entry(HUB, this.#id);
    this.#next = known === undefined ? 1 : new Facts(known).number("next");
  }

  /** Takes the first kept event that meets the conditions; its payload. */
  take(conditions: readonly EventCondition[]): Uint8Array | undefined {
    for (const entry of listed(this.#store, `events:${this.#id}`)) {
      const { value } = entry;
      if (value === undefined || !meets(value, conditions)) continue;
      this.#store.removeEntry(entry);
      this.#write();
      return value;
    }
    return undefined;
  }

  /** Puts a wait on the list. */
  register(wait: WaitAddress, conditions: readonly EventCondition[]): void {
    this.#store.putEntry({
      kind: WAITER,
      key: waiterKey(wait),
      // One of another partition does not go away with its run, but when an event finds nobody there.
      runId: this.#here(wait.runId) ? wait.runId : undefined,
      facts: JSON.stringify({ ...wait, conditions }),
      value: undefined,
      places: [{ list: `waiters:${this.#id}`, at: this.#place() }],
    });
  }

  /** Takes a wait that is over off the list. */
  withdraw(wait: WaitAddress): void {
    withdraw(this.#store, wait);
  }

  /** Those who are registered and whose conditions the payload meets, longest first. */
  *waitersFor(payload: Uint8Array): Generator<Waiter, undefined> {
    for (const entry of listed(this.#store, `waiters:${this.#id}`)) {
      const waiter = waiterOf(entry);
      if (meets(payload, waiter.conditions)) yield waiter;
    }
  }

  /** Keeps an event until somebody takes it. `at`: for telling its age. */
  keep(payload: Uint8Array, at: number): void {
    const place = this.#place();
    this.#store.putEntry({
      kind: BUFFERED,
      key: `${this.#id}.${place}`,
      runId: undefined,
      facts: JSON.stringify({ at }),
      value: payload,
      places: [
        { list: `events:${this.#id}`, at: place },
        { list: "events", at },
      ],
    });
  }

  #place(): number {
    const place = this.#next;
    this.#next += 1;
    this.#write();
    return place;
  }

  #write(): void {
    const facts = JSON.stringify({ next: this.#next });
    this.#store.putEntry({ kind: HUB, key: this.#id, runId: undefined, facts, value: undefined, places: [] });
  }
}

/** Registers the wait of an item at the hub of its event, unless a kept event ends it at once: its payload then. */
export function registerAtHub(
  step: AtomicStep,
  item: WorkItem,
  event: NonNullable<NewWait["event"]>,
): Uint8Array | undefined {
  const { conditions, name, key } = event;
  const wait = addressOf(item);
  if (!step.here(hubIdOf(event))) {
    post(step, hubIdOf(event), { kind: "register", event: { name, key }, wait, conditions, payload: undefined });
    return undefined;
  }
  const hub = new EventHub(step, event);
  const payload = hub.take(conditions);
  if (payload === undefined) hub.register(wait, conditions);
  return payload;
}

/** Takes the wait of an item, which is over, off the list of its hub. */
export function withdrawFromHub(step: AtomicStep, item: WorkItem, event: EventAddress): void {
  const wait = addressOf(item);
  if (step.here(hubIdOf(event))) withdraw(step.store, wait);
  else post(step, hubIdOf(event), { kind: "withdraw", event, wait, conditions: [], payload: undefined });
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
    runId: facts.text("runId"),
    item: facts.number("item"),
    number: facts.number("number"),
    conditions: facts.list("conditions").filter(isCondition),
    entry,
  };
}

/** All entries of a list, window by window; the list may lose what has been given. */
function* listed(store: RowStore, list: string): Generator<Entry, undefined> {
  let after: { readonly at: number; readonly key: string } | undefined;
  for (;;) {
    const window = store.entries(list, { after, limit: WINDOW });
    yield* window;
    const last = window.at(-1);
    const at = last?.places.find((place) => place.list === list)?.at;
    if (last === undefined || at === undefined || window.length < WINDOW) return;
    after = { at, key: last.key };
  }
}

function meets(payload: Uint8Array, conditions: readonly EventCondition[]): boolean {
  if (conditions.length === 0) return true;
  const value = decodeValue(payload);
  return conditions.every(({ path, equals }) => {
    const found = valueAt(value, path);
    return found !== undefined && canonicalJson(found) === equals;
  });
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = Reflect.get(at, name);
  }
  return at;
}
