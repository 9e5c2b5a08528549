/** Sleeping, for every clock alike: a timer and a signal, whichever comes first. Leaves neither behind. */

import type { Timer } from "./ports-contract.ts";

/** Resolves when a timer of `ms` fires; rejects with the signal's reason if that is aborted first, or already. */
export function sleepBy(
  setTimer: (ms: number, fn: () => void) => Timer,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) {
    return Promise.reject(signal.reason);
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = setTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
