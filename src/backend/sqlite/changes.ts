/**
 * Who hears of changes: handles of one file in one process tell each other, and what other processes write is noticed by
 * asking SQLite whether the file has changed, only while somebody listens. Hints only; nobody may rely on them.
 */

import type { Clock, Timer } from "../../core/ports.ts";
import type { Wakeup } from "../contract/operations.ts";
import { createWakeupHub, type WakeupHub } from "../synchronous/wakeups.ts";

/** How soon a change by another process is noticed: at first, and when nothing has happened for long. */
const BUSY_POLL_MS = 25;
const IDLE_POLL_MS = 250;
const BACK_OFF = 1.25;

/** Hubs of files that are open in this process, by file and namespace, with the number of handles that use each. */
const HUBS = new Map<string, { readonly hub: WakeupHub; handles: number }>();

/** The hub that all handles of a file and namespace share. `release` must be called once the handle is closed. */
export function sharedHub(file: string, namespace: string): { readonly hub: WakeupHub; readonly release: () => void } {
  const key = `${file}\n${namespace}`;
  const entry = HUBS.get(key) ?? { hub: createWakeupHub(), handles: 0 };
  HUBS.set(key, entry);
  entry.handles += 1;
  return {
    hub: entry.hub,
    release() {
      entry.handles -= 1;
      if (entry.handles === 0) HUBS.delete(key);
    },
  };
}

/** A hub that also gives `any` when the version of the file changes, which `version` reads. */
export function watchingHub(
  hub: WakeupHub,
  version: () => number,
  clock: Pick<Clock, "setTimer">,
): WakeupHub & { stop(): void } {
  let listeners = 0;
  let timer: Timer | undefined;
  let seen: number | undefined;
  let waitMs = BUSY_POLL_MS;

  function look(): void {
    const now = read(version);
    const changed = now !== undefined && seen !== undefined && now !== seen;
    seen = now ?? seen;
    waitMs = changed ? BUSY_POLL_MS : Math.min(IDLE_POLL_MS, waitMs * BACK_OFF);
    timer = clock.setTimer(waitMs, look).unref();
    if (changed) hub.notify({ kind: "any" });
  }

  function stop(): void {
    timer?.cancel();
    timer = undefined;
  }

  return {
    subscribe(listener: (wakeup: Wakeup) => void): () => void {
      const unsubscribe = hub.subscribe(listener);
      listeners += 1;
      if (listeners === 1) {
        seen = read(version);
        waitMs = BUSY_POLL_MS;
        timer = clock.setTimer(waitMs, look).unref();
      }
      let subscribed = true;
      return () => {
        if (!subscribed) return;
        subscribed = false;
        unsubscribe();
        listeners -= 1;
        if (listeners === 0) stop();
      };
    },
    notify: (wakeup) => hub.notify(wakeup),
    get active() {
      return hub.active;
    },
    stop,
  };
}

/** A file that cannot be read just now has not changed as far as we know. */
function read(version: () => number): number | undefined {
  try {
    return version();
  } catch {
    return undefined;
  }
}
