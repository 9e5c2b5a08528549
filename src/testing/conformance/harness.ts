/**
 * What the suite needs from whoever runs it: fresh, empty data that can be opened under a namespace, and a clock that the
 * backend goes by. It names no backend and no framework.
 */

import type { BackendOperations } from "../../backend/contract/operations.ts";

/** The backend's clock, to be moved by hand. */
export interface ConformanceClock {
  /** Milliseconds since 1970, as the backend's own `now()`. */
  now(): number;
  /** Moves the clock on by whole milliseconds. */
  advance(ms: number): Promise<void>;
}

export interface NamespaceOption {
  readonly namespace?: string | undefined;
}

/** Fresh, empty data for one case. */
export interface ConformanceHarness {
  readonly clock: ConformanceClock;
  /** Opens a handle on the data of a namespace (without one: the default namespace). Each namespace is opened at most once. */
  open(options?: NamespaceOption): Promise<BackendOperations>;
  /**
   * A further handle on the data of a namespace that is open or was closed, as another process would have it. Absent
   * where the data lives and dies with its one handle.
   */
  readonly reopen?: ((options?: NamespaceOption) => Promise<BackendOperations>) | undefined;
  /** Removes the data. Called once, after every handle was closed. */
  dispose(): Promise<void>;
}

/** Makes a harness with empty data. */
export type ConformanceFactory = () => Promise<ConformanceHarness>;
