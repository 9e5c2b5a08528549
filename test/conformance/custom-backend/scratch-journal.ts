/**
 * Journals for tests of the example backend: folders that go away with their test, and a backend that is closed and read
 * from the disk again between any two commands, so that what it answers is what it has written.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openJournal } from "../../../examples/custom-backend/journal.ts";
import type { BackendOperations, Wakeup } from "../../../src/backend/contract/operations.ts";
import { manualClock } from "../../../src/core/ports.ts";
import type { NamespaceOption } from "../../../src/testing/conformance/harness.ts";
import { START, type Subject } from "../subjects.ts";

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-journal-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A journal that is read again before every `every`-th command of a history. Short ones, so that they are often begun anew. */
export function restlessJournal(every: number): Subject {
  return async (clock = manualClock(START)) => {
    const folder = mkdtempSync(join(tmpdir(), "millrace-journal-"));
    const open = async ({ namespace }: NamespaceOption = {}): Promise<BackendOperations> => {
      const again = async () =>
        (await openJournal({ folder, namespace, clock, durability: "process", compactBytes: 3_000 })).operations;
      return restless(await again(), again, every);
    };
    return { clock, open, dispose: async () => rmSync(folder, { recursive: true, force: true }) };
  };
}

/** Whoever plays commands listens anew for each of them: that is when it is time to read everything again. */
function restless(first: BackendOperations, open: () => Promise<BackendOperations>, every: number): BackendOperations {
  const listeners = new Set<(wakeup: Wakeup) => void>();
  const heard = (wakeup: Wakeup): void => {
    for (const listener of listeners) listener(wakeup);
  };
  first.subscribe(heard);
  let current = Promise.resolve(first);
  let commands = 0;

  function subscribe(listener: (wakeup: Wakeup) => void): () => void {
    commands += 1;
    if (commands % every === 0) {
      current = current.then(async (backend) => {
        await backend.close();
        const again = await open();
        again.subscribe(heard);
        return again;
      });
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** The part, with every method asked of the backend that is open then. */
  function passing<T extends object>(part: T, partOf: (backend: BackendOperations) => object): T {
    return new Proxy(part, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (key === "subscribe") return subscribe;
        if (typeof value === "object" && value !== null && key !== "capabilities") {
          return passing(value, (backend) => Reflect.get(partOf(backend), key));
        }
        if (typeof value !== "function") return value;
        return async (...args: readonly unknown[]) => {
          const now = partOf(await current);
          return withoutUndefined(await Reflect.apply(Reflect.get(now, key), now, args));
        };
      },
    });
  }

  return passing(first, (backend) => backend);
}

/** Rows that were read again lack what was `undefined`: so that it makes no difference, all answers do. */
function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array || value instanceof Map) return value;
  const entries = Object.entries(value).filter(([, held]) => held !== undefined);
  return Object.fromEntries(entries.map(([key, held]) => [key, withoutUndefined(held)]));
}
