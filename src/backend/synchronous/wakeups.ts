/**
 * Who wants to hear that something changed. Hints only: a listener that throws is ignored, and nobody may rely on
 * hearing anything. One hub is shared by all handles of a process that have the same data.
 */

import type { Wakeup } from "../contract/operations.ts";

export interface WakeupHub {
  subscribe(listener: (wakeup: Wakeup) => void): () => void;
  notify(wakeup: Wakeup): void;
  /** False while nobody listens, so that nobody need be told. */
  readonly active: boolean;
}

export function createWakeupHub(): WakeupHub {
  // Each subscription has an identity of its own: the same function may listen twice.
  const listeners = new Set<{ readonly listener: (wakeup: Wakeup) => void }>();
  return {
    subscribe(listener) {
      const entry = { listener };
      listeners.add(entry);
      return () => {
        listeners.delete(entry);
      };
    },
    notify(wakeup) {
      for (const entry of [...listeners]) {
        try {
          entry.listener(wakeup);
        } catch {
          // A listener is the caller's code, and what it thinks of a hint cannot matter to who gave it.
        }
      }
    },
    get active() {
      return listeners.size > 0;
    },
  };
}
