/**
 * Workers as users see them, made from the sessions that they hold. A worker may have several sessions, one after
 * another; the newest speaks for it. Pure: liveness is judged by the instant that is handed in, which is the backend's.
 */

import type { DefinitionRecord } from "../backend/contract/records.ts";
import type { SessionRecord } from "../backend/contract/session.ts";
import { type Liveness, livenessOf, type WorkerStatus } from "../core/status.ts";

/** Who a worker is and what it takes. */
export interface WorkerInfo {
  readonly workerId: string;
  /** Its present life; leases belong to it. */
  readonly session: string;
  readonly host: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly stoppedAt: number | undefined;
  readonly queues: readonly string[];
  readonly labels: readonly string[];
  /** The workflows that it has code for, as `name@version`; a definition that nobody published by its hash. */
  readonly workflows: readonly string[];
}

/** How a worker is doing. */
export interface WorkerHealthInfo {
  readonly workerId: string;
  readonly session: string;
  readonly host: string;
  readonly pid: number;
  readonly status: WorkerStatus;
  readonly liveness: Liveness;
  readonly startedAt: number;
  readonly heartbeatAt: number;
  /** Its leases hold until then. */
  readonly leaseUntil: number;
  /** While retrying: the attempt, and how many there may be. */
  readonly attempt: number | undefined;
  readonly maxAttempts: number | undefined;
  /** Ids of the items that it is executing. */
  readonly items: readonly string[];
  readonly completed: number;
  readonly errors: number;
  readonly workflows: readonly string[];
}

/** The newest session of each worker, newest first. */
export function newestSessions(sessions: readonly SessionRecord[]): readonly SessionRecord[] {
  const newest = new Map<string, SessionRecord>();
  for (const session of sessions) {
    const known = newest.get(session.workerId);
    if (known === undefined || known.startedAt < session.startedAt) newest.set(session.workerId, session);
  }
  return [...newest.values()].sort((a, b) => b.startedAt - a.startedAt);
}

/** Whether the session's worker may still act: a session that signed off is dead at once. */
export function sessionLiveness(session: SessionRecord, now: number, thresholdMs: number): Liveness {
  return session.stoppedAt === undefined ? livenessOf(session.heartbeatAt, now, thresholdMs) : "dead";
}

/** The public form of who a worker is. */
export function toWorkerInfo(session: SessionRecord, definitions: readonly DefinitionRecord[]): WorkerInfo {
  const { workerId, id, host, pid, startedAt, stoppedAt, queues, labels } = session;
  const workflows = workflowNames(session, definitions);
  return { workerId, session: id, host, pid, startedAt, stoppedAt, queues, labels, workflows };
}

/** The public form of how a worker is doing. */
export function toWorkerHealth(
  session: SessionRecord,
  definitions: readonly DefinitionRecord[],
  now: number,
  thresholdMs: number,
): WorkerHealthInfo {
  const { workerId, id, host, pid, startedAt, heartbeatAt, health } = session;
  return {
    workerId,
    session: id,
    host,
    pid,
    status: session.stoppedAt === undefined ? health.status : "stopped",
    liveness: sessionLiveness(session, now, thresholdMs),
    startedAt,
    heartbeatAt,
    leaseUntil: session.until,
    attempt: health.attempt,
    maxAttempts: health.maxAttempts,
    items: health.items,
    completed: health.completed,
    errors: health.errors,
    workflows: workflowNames(session, definitions),
  };
}

function workflowNames(session: SessionRecord, definitions: readonly DefinitionRecord[]): readonly string[] {
  const labels = new Map(definitions.map(({ hash, name, version }) => [hash, `${name}@${version}`]));
  return session.definitions.map((hash) => labels.get(hash) ?? hash).sort();
}
