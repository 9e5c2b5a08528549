/**
 * Hearing that something of one run may have changed. Wake-ups are hints and may be lost, so every wait is bounded in
 * time; whoever waits reads the truth afterwards. Invariant: a hint that arrives between two waits ends the second at
 * once, so nothing is missed by subscribing first and reading then.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { Clock } from "../core/ports.ts";

/** Hints about one run. */
export interface RunHints {
  /** Resolves at the next hint, after `ms` milliseconds, or when the signal is aborted, whichever is first. Never rejects. */
  next(ms: number, signal?: AbortSignal): Promise<void>;
  /** Stops listening. Idempotent. */
  close(): void;
}

/** Longest time between two looks at a run that somebody waits for. */
export const POLL_MS = 1_000;

/** Listens from now on. */
export function listenForRun(operations: BackendOperations, clock: Clock, runId: string): RunHints {
  let isHinted = false;
  let wake: (() => void) | undefined;
  const close = operations.subscribe((wakeup) => {
    if (wakeup.kind === "any" || (wakeup.kind === "run" && wakeup.runId === runId)) {
      isHinted = true;
      wake?.();
    }
  });
  return {
    async next(ms, signal) {
      if (!isHinted && signal?.aborted !== true) {
        await new Promise<void>((resolve) => {
          const end = (): void => {
            timer.cancel();
            signal?.removeEventListener("abort", end);
            wake = undefined;
            resolve();
          };
          const timer = clock.setTimer(ms, end);
          signal?.addEventListener("abort", end, { once: true });
          wake = end;
        });
      }
      isHinted = false;
    },
    close,
  };
}
