/**
 * Who works: the workers of a namespace, how they are, and what lies ready for whom. Only looks; liveness is judged by
 * the backend's clock against a threshold, and a worker that signed off is dead at once.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { SessionRecord } from "../backend/contract/session.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { DEFAULTS } from "../core/limits.ts";
import type { Liveness } from "../core/status.ts";
import {
  newestSessions,
  sessionLiveness,
  toWorkerHealth,
  toWorkerInfo,
  type WorkerHealthInfo,
  type WorkerInfo,
} from "../stores/worker-info.ts";

/** How old a heartbeat may be. */
export interface LivenessOptions {
  /** Younger is alive, younger than three times this is stale, then dead; 30 s if absent. */
  readonly threshold?: Duration | undefined;
}

/** Whether a worker is there. */
export interface WorkerLiveness {
  readonly workerId: string;
  readonly liveness: Liveness;
  /** `undefined` for a worker that was never heard of. */
  readonly heartbeatAt: number | undefined;
}

/** What lies ready for workers that serve a queue, have the workflow and offer the labels. */
export interface Backlog {
  readonly queue: string;
  readonly labels: readonly string[];
  readonly workflow: string;
  readonly version: string;
  readonly definition: string;
  readonly ready: number;
  readonly oldestReadyAt: number | undefined;
  /** Ids of the live workers that can take it. None: nobody will. */
  readonly workers: readonly string[];
}

/** All workers that are known, newest first. */
export async function listWorkers({ read }: BackendOperations): Promise<readonly WorkerInfo[]> {
  const [sessions, definitions] = await Promise.all([read.sessions(), read.definitions()]);
  return newestSessions(sessions).map((session) => toWorkerInfo(session, definitions));
}

/** How all workers that are known are doing, newest first. */
export async function listWorkerHealth(
  operations: BackendOperations,
  options: LivenessOptions = {},
): Promise<readonly WorkerHealthInfo[]> {
  const { read } = operations;
  const thresholdMs = thresholdOf(options);
  const [sessions, definitions, now] = await Promise.all([read.sessions(), read.definitions(), operations.now()]);
  return newestSessions(sessions).map((session) => toWorkerHealth(session, definitions, now, thresholdMs));
}

/** The liveness of these workers, in their order; of all that are known if none are named. */
export async function checkLiveness(
  operations: BackendOperations,
  workerIds: readonly string[] | undefined,
  options: LivenessOptions = {},
): Promise<readonly WorkerLiveness[]> {
  const thresholdMs = thresholdOf(options);
  const [sessions, now] = await Promise.all([operations.read.sessions(), operations.now()]);
  const newest = new Map(newestSessions(sessions).map((session) => [session.workerId, session]));
  return (workerIds ?? [...newest.keys()]).map((workerId) => {
    const session = newest.get(workerId);
    if (session === undefined) return { workerId, liveness: "dead", heartbeatAt: undefined };
    return { workerId, liveness: sessionLiveness(session, now, thresholdMs), heartbeatAt: session.heartbeatAt };
  });
}

/** What lies ready, by lane, with who can take it. Lanes without ready items are left out. */
export async function readBacklog(
  operations: BackendOperations,
  options: LivenessOptions = {},
): Promise<readonly Backlog[]> {
  const { read } = operations;
  const thresholdMs = thresholdOf(options);
  const [lanes, definitions, sessions, now] = await Promise.all([
    read.backlog(),
    read.definitions(),
    read.sessions(),
    operations.now(),
  ]);
  const live = newestSessions(sessions).filter((session) => sessionLiveness(session, now, thresholdMs) !== "dead");
  const records = new Map(definitions.map((record) => [record.hash, record]));
  return lanes.map(({ queue, definition, labels, ready, oldestReadyAt }) => {
    const { name = "", version = "" } = records.get(definition) ?? {};
    const workers = live.filter((session) => servesLane(session, { queue, definition, labels }));
    const ids = workers.map(({ workerId }) => workerId);
    return { queue, labels, workflow: name, version, definition, ready, oldestReadyAt, workers: ids };
  });
}

/** Whether claims of the session's worker reach the lane. */
export function servesLane(
  session: Pick<SessionRecord, "queues" | "labels" | "definitions">,
  lane: { readonly queue: string; readonly definition: string; readonly labels: readonly string[] },
): boolean {
  return (
    session.queues.includes(lane.queue) &&
    session.definitions.includes(lane.definition) &&
    lane.labels.every((label) => session.labels.includes(label))
  );
}

function thresholdOf({ threshold }: LivenessOptions): number {
  return threshold === undefined ? DEFAULTS.livenessMs : toMilliseconds(threshold, "the threshold of liveness");
}
