/**
 * The backend that lives in memory: the reference for all others, the fake of the tests, and what `run` executes over.
 * Nothing outlives its world. Handles of one world with one namespace have the same data; namespaces share nothing.
 */

import { checkName } from "../../core/names.ts";
import { type Clock, systemClock } from "../../core/ports.ts";
import type { BackendOperations } from "../contract/operations.ts";
import { type AttachedSessions, createAttachedSessions } from "../synchronous/attached-sessions.ts";
import { synchronousOperations } from "../synchronous/operations.ts";
import { createWakeupHub, type WakeupHub } from "../synchronous/wakeups.ts";
import { createMemoryStore, type MemoryStore } from "./memory-store.ts";

interface MemoryNamespace extends MemoryStore {
  readonly wakeups: WakeupHub;
  readonly attached: AttachedSessions;
}

/** What would be one server: namespaces, each with its data, and the one clock that counts. Freed with its last reference. */
export class MemoryWorld {
  readonly clock: Clock;
  readonly #namespaces = new Map<string, MemoryNamespace>();

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  /** The data of a namespace, made when first asked for. */
  namespace(name: string): MemoryNamespace {
    const existing = this.#namespaces.get(name);
    if (existing !== undefined) return existing;
    const created = { ...createMemoryStore(), wakeups: createWakeupHub(), attached: createAttachedSessions() };
    this.#namespaces.set(name, created);
    return created;
  }
}

export interface MemoryOptions {
  /** Default: `default`. */
  readonly namespace?: string | undefined;
  /** Shared by all handles that are to see the same data. Default: a world of its own. */
  readonly world?: MemoryWorld | undefined;
  /** Default: the world's clock, else the system's. */
  readonly clock?: Clock | undefined;
}

/** Opens a handle on a world in memory. Closing it frees the handle, not the world. Throws `INVALID_VALUE` for what is no namespace. */
export function memoryOperations(options: MemoryOptions = {}): BackendOperations {
  const namespace = checkName(options.namespace ?? "default", "the namespace");
  const world = options.world ?? new MemoryWorld(options.clock);
  const { store, executor, wakeups, attached } = world.namespace(namespace);
  return synchronousOperations({
    kind: "memory",
    location: "memory:",
    namespace,
    capabilities: { durability: "none", shared: false, pushWakeups: true, renewal: "inProcess" },
    store,
    executor,
    clock: options.clock ?? world.clock,
    wakeups,
    attached,
  });
}
