/**
 * What a scenario tells a worker process, as JSON on its command line, and the little that the two say to each other
 * while it runs. Everything else is read from the store and from traces.
 */

import type { WorkerOptions } from "../../../src/index.ts";
import type { FileLimits, StoreAddress } from "./store-address.ts";

export interface WorkerOrder {
  readonly store: StoreAddress;
  /** URL of the module that exports the workflows. */
  readonly module: string;
  /** Names of its exports. */
  readonly workflows: readonly string[];
  readonly options: Pick<
    WorkerOptions,
    "workerId" | "concurrency" | "lease" | "pollInterval" | "maxStalls" | "retry" | "batch" | "labels" | "queues"
  >;
  /** How long it may finish what it has once it gets SIGTERM. */
  readonly drain?: WorkerDrain | undefined;
  /** Applies a share of its requests to the store and then says that the store was out of reach. */
  readonly lostAnswers?: { readonly seed: number; readonly share: number } | undefined;
  /** Of a store that is a file. */
  readonly limits?: FileLimits | undefined;
  /** Opens the store only once this gate is open. */
  readonly gate?: string | undefined;
}

type WorkerDrain = number | `${number}s` | `${number}ms`;

/** To the scenario: it has signed on. */
export interface ReadyMessage {
  readonly kind: "ready" | "loaded";
}

/** A commit that the store refused, in the trace `refusals`. */
export interface RefusalLine {
  readonly itemId: string;
  readonly epoch: number;
  readonly code: string;
}

/** A request whose answer was withheld, in the trace `lost`. */
export interface LostLine {
  readonly operation: string;
  /** Commits that it carried, and items that it claimed. */
  readonly commits: number;
  readonly items: number;
}

/** What the worker told its logger, in the trace `log`. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}
