/** When a caller stops waiting: by its signal, or because its time is over. It only tells; what becomes of the run is decided elsewhere. */

import { type Duration, toMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import type { Clock } from "../core/ports.ts";

/** How long a caller waits. Without either, as long as it takes. */
export interface Patience {
  /** Ends the run with `CANCELLED`; bodies that are running get their own signal aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the run with `TIMEOUT`. Counted from the call. */
  readonly timeout?: Duration | undefined;
}

/** Why a caller stopped waiting. */
export interface GaveUp {
  readonly code: "CANCELLED" | "TIMEOUT";
  /** The signal's reason. */
  readonly cause?: unknown;
}

/** A caller that may stop waiting. */
export interface Waiting {
  /** Resolves when it stops waiting. Never rejects. */
  readonly gaveUp: Promise<GaveUp>;
  /** It has what it waited for. Idempotent. */
  end(): void;
}

/** Begins to count. Throws `INVALID_VALUE` for a timeout that is none, and `CANCELLED` if the signal is aborted already. */
export function beginWaiting({ signal, timeout }: Patience, clock: Clock): Waiting {
  const timeoutMs = timeout === undefined ? undefined : toMilliseconds(timeout, "the timeout of a run");
  if (signal?.aborted === true) {
    throw new MillraceError("CANCELLED", "the run was cancelled by its caller before it began", {
      cause: signal.reason,
    });
  }
  let end = (): void => undefined;
  const gaveUp = new Promise<GaveUp>((resolve) => {
    const onAbort = (): void => resolve({ code: "CANCELLED", cause: signal?.reason });
    const timer = timeoutMs === undefined ? undefined : clock.setTimer(timeoutMs, () => resolve({ code: "TIMEOUT" }));
    signal?.addEventListener("abort", onAbort, { once: true });
    end = () => {
      timer?.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
  });
  return { gaveUp, end: () => end() };
}
