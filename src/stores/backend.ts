/**
 * A backend as users hold it: the atomic operations that the engine runs on, and the stores as views on them, each
 * usable by itself and under the same guards. It adds no state of its own; two backends made from the same operations
 * are the same backend.
 */

import { hostname } from "node:os";
import { pid } from "node:process";
import type { Capabilities } from "../backend/contract/capabilities.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { backendCheckpoints } from "../checkpoints/backend-checkpoints.ts";
import type { CheckpointStore } from "../checkpoints/checkpoint-store.ts";
import { systemIds } from "../core/ports.ts";
import { type ContextStore, contextStore } from "./contexts.ts";
import { type ErrorStore, errorStore } from "./errors.ts";
import { type LivenessStore, livenessStore } from "./liveness.ts";
import { type MetricsStore, metricsStore } from "./metrics.ts";
import { publishedDefinitions } from "./published-definitions.ts";
import { type WorkQueue, workQueue } from "./queue.ts";
import { type RunInfoStore, runInfoStore } from "./runs.ts";
import { type WorkItemStateStore, workItemStateStore } from "./work-items.ts";

/** An open store of runs, in one namespace. */
export interface Backend extends AsyncDisposable {
  /** For people and logs; ask `capabilities` for differences. */
  readonly kind: string;
  /** What to show of where the data is; never contains a secret. */
  readonly location: string;
  readonly namespace: string;
  readonly capabilities: Capabilities;
  /** What the engine runs on. Every method is one atomic step. */
  readonly operations: BackendOperations;
  readonly queue: WorkQueue;
  readonly contexts: ContextStore;
  readonly runs: RunInfoStore;
  readonly metrics: MetricsStore;
  readonly errors: ErrorStore;
  readonly liveness: LivenessStore;
  readonly workItems: WorkItemStateStore;
  /** Of runs that live in one process: see `runWithCheckpoint`. */
  readonly checkpoints: CheckpointStore;
  /** Waits for what is in flight, then frees everything. Idempotent. Later calls throw `CLOSED`. */
  close(): Promise<void>;
}

/** Builds a backend from its atomic operations: the stores are derived from them. */
export function defineBackend(operations: BackendOperations): Backend {
  const published = publishedDefinitions(operations);
  const whereabouts = { host: hostname(), pid };
  const close = (): Promise<void> => operations.close();
  return Object.freeze({
    kind: operations.kind,
    location: operations.location,
    namespace: operations.namespace,
    capabilities: operations.capabilities,
    operations,
    queue: workQueue(operations, published, systemIds, whereabouts),
    contexts: contextStore(operations),
    runs: runInfoStore(operations, published, systemIds),
    metrics: metricsStore(operations),
    errors: errorStore(operations),
    liveness: livenessStore(operations, systemIds, whereabouts),
    workItems: workItemStateStore(operations),
    checkpoints: backendCheckpoints(operations.checkpoints),
    close,
    [Symbol.asyncDispose]: close,
  });
}
