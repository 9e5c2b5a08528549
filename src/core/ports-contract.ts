/**
 * What the engine asks of the world besides a store: time, chance, ids and a place to log. Everything that needs one is
 * handed one, so that the whole engine runs in a seeded simulation. Only files named `ports*` may touch the platform's
 * own clock, timers and random numbers.
 */

/** A timer that was set. Cancelling one that fired, or twice, does nothing. */
export interface Timer {
  cancel(): void;
  /** Lets the process end while the timer is pending. Gives the timer back. */
  unref(): Timer;
}

/** Time. Only hints and waiting inside one process rely on it; what is durable goes by the backend's clock. */
export interface Clock {
  /** Milliseconds since 1970. May jump, in both directions. */
  now(): number;
  /** Milliseconds since some start; never goes back. For measuring and for timeouts. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds, never earlier; at once-ish for zero and below. Any length is exact. Rejects with
   * the signal's reason as soon as it is aborted.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once, after `ms` milliseconds, never earlier. Any length is exact. Not for waiting: what must survive is a row. */
  setTimer(ms: number, fn: () => void): Timer;
}

/** Chance, for jitter and for choices that must not collide. Not for secrets. */
export interface Random {
  /** A number from 0, included, to 1, excluded. */
  next(): number;
}

/** Ids that nobody else has. */
export interface Ids {
  /** A UUIDv7 at `now` (milliseconds since 1970). Ids of one process grow, also when the clock goes back. */
  runId(now: number): string;
  /** 128 random bits as 32 hexadecimal characters; a valid name. For sessions, waits and the like. */
  token(): string;
}

/** Where log lines go. An implementation must not throw. `data` holds JSON values. */
export interface Logger {
  debug(message: string, data?: Readonly<Record<string, unknown>>): void;
  info(message: string, data?: Readonly<Record<string, unknown>>): void;
  warn(message: string, data?: Readonly<Record<string, unknown>>): void;
  error(message: string, data?: Readonly<Record<string, unknown>>): void;
}
