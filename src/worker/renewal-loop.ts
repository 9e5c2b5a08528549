/**
 * Renews one session on a thread of its own until it is told to stop, the session is gone, or the main loop has stood
 * still for too long: a body may block its process for a while and keep its lease, but a process that hangs for good
 * must lose it. While the store fails it keeps trying at the same pace.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import { DEFAULTS } from "../core/limits.ts";
import type { Clock } from "../core/ports.ts";

/** What the thread is told when it is started. */
export interface RenewalOrder {
  readonly url: string;
  readonly namespace: string;
  readonly session: string;
  readonly everyMs: number;
  /** Counted up by the main loop's heartbeat. */
  readonly beats: Int32Array;
}

/** Resolves when there is nothing more to renew. */
export async function renewUntilStopped(
  operations: Pick<BackendOperations, "renew">,
  { session, everyMs, beats }: Pick<RenewalOrder, "session" | "everyMs" | "beats">,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  let seen = Atomics.load(beats, 0);
  let movedAt = clock.monotonic();
  while (await slept(clock, everyMs, signal)) {
    const count = Atomics.load(beats, 0);
    const now = clock.monotonic();
    if (count !== seen) {
      seen = count;
      movedAt = now;
    }
    if (now - movedAt > DEFAULTS.blockedLoopMs) continue;
    try {
      const answer = await operations.renew({ session });
      if (answer.kind === "gone") return;
    } catch {
      // The main loop says what is to be said about a store that fails.
    }
  }
}

async function slept(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch {
    return false;
  }
}
