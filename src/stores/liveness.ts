/**
 * The liveness store: heartbeats and health of workers, kept on their sessions. A heartbeat is a renewal like any other,
 * so it extends the leases that the worker holds and nothing else. Only the backend's clock counts: nobody can claim to
 * have been alive at another time.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { SessionRecord, WorkerHealth } from "../backend/contract/session.ts";
import { MillraceError } from "../core/errors.ts";
import { DEFAULTS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import type { Ids } from "../core/ports.ts";
import { newestSessions, toWorkerHealth, type WorkerHealthInfo } from "./worker-info.ts";

/** Heartbeats and health, by worker id. */
export interface LivenessStore {
  /**
   * Renews the worker's session and gives the instant of the heartbeat. A worker that nobody knows gets a session that
   * serves nothing, so that it can be seen. Throws `ILLEGAL_TRANSITION` for one that signed off.
   */
  updateHeartbeat(workerId: string): Promise<number>;
  /** When the worker was last heard of; `undefined` for an unknown one. */
  getHeartbeat(workerId: string): Promise<number | undefined>;
  /** Ids of all workers that are known, newest first; stopped and dead ones too, until they are purged. */
  listWorkers(): Promise<readonly string[]>;
  /** Replaces the worker's health; also a heartbeat. Throws `ILLEGAL_TRANSITION` for one that is unknown or signed off. */
  updateHealth(workerId: string, health: WorkerHealth): Promise<void>;
  getHealth(workerId: string): Promise<WorkerHealthInfo | undefined>;
  listHealth(): Promise<readonly WorkerHealthInfo[]>;
}

/** Where the process of a heartbeat from outside runs. */
export interface Whereabouts {
  readonly host: string;
  readonly pid: number;
}

/** The view on the sessions of a backend. */
export function livenessStore(operations: BackendOperations, ids: Ids, whereabouts: Whereabouts): LivenessStore {
  const find = async (workerId: string): Promise<SessionRecord | undefined> =>
    newestSessions(await operations.read.sessions()).find((session) => session.workerId === workerId);

  const health = async (): Promise<readonly WorkerHealthInfo[]> => {
    const [sessions, definitions, now] = await Promise.all([
      operations.read.sessions(),
      operations.read.definitions(),
      operations.now(),
    ]);
    return newestSessions(sessions).map((session) => toWorkerHealth(session, definitions, now, DEFAULTS.livenessMs));
  };

  const open = async (workerId: string): Promise<SessionRecord> =>
    operations.openSession({
      id: ids.token(),
      workerId,
      leaseMs: DEFAULTS.leaseMs,
      queues: [],
      labels: [],
      definitions: [],
      ...whereabouts,
    });

  const renew = async (session: SessionRecord, reported?: WorkerHealth): Promise<number> => {
    const answer = await operations.renew({ session: session.id, health: reported });
    if (session.stoppedAt !== undefined || answer.kind === "gone") throw signedOff(session.workerId);
    return answer.now;
  };

  return {
    async updateHeartbeat(workerId) {
      checkName(workerId, "the id of a worker");
      const session = await find(workerId);
      return session === undefined ? (await open(workerId)).heartbeatAt : renew(session);
    },
    async getHeartbeat(workerId) {
      return (await find(workerId))?.heartbeatAt;
    },
    async listWorkers() {
      return newestSessions(await operations.read.sessions()).map((session) => session.workerId);
    },
    async updateHealth(workerId, reported) {
      const session = await find(workerId);
      if (session === undefined) throw signedOff(workerId);
      await renew(session, reported);
    },
    async getHealth(workerId) {
      return (await health()).find((worker) => worker.workerId === workerId);
    },
    listHealth: health,
  };
}

function signedOff(workerId: string): MillraceError {
  return new MillraceError("ILLEGAL_TRANSITION", `worker ${workerId} has no session that is open`, {
    hints: [
      "A worker that stopped starts again with a new session; updateHeartbeat opens one for an unknown worker id.",
    ],
  });
}
