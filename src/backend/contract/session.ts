/**
 * Sessions: one life of one worker against a backend. All leases of a worker hang on its session's deadline, so a renewal
 * is one small write however many items are leased; an attempt's own timeout bounds each lease on top of that.
 */

export interface NewSession {
  readonly id: string;
  readonly workerId: string;
  readonly leaseMs: number;
  readonly queues: readonly string[];
  readonly labels: readonly string[];
  /** Hashes of the definitions it has code for. */
  readonly definitions: readonly string[];
  readonly host: string;
  readonly pid: number;
}

export interface WorkerHealth {
  readonly status: "idle" | "in_progress" | "retrying" | "draining" | "stopped";
  /** While retrying: the attempt and the maximum. */
  readonly attempt?: number | undefined;
  readonly maxAttempts?: number | undefined;
  /** Public ids of the items that are executing. */
  readonly items: readonly string[];
  readonly completed: number;
  readonly errors: number;
}

export interface SessionRecord extends NewSession {
  readonly startedAt: number;
  readonly heartbeatAt: number;
  /** Leases of the session hold until then (backend clock). */
  readonly until: number;
  /** Set when it signed off. */
  readonly stoppedAt: number | undefined;
  readonly health: WorkerHealth;
}

export interface HeldItem {
  readonly runId: string;
  readonly item: number;
  readonly epoch: number;
  readonly generation: number;
}

export interface Renewal {
  readonly session: string;
  /** What the worker believes it holds; answered with what it does not hold any more. Bounded by its slots. */
  readonly held?: readonly HeldItem[] | undefined;
  readonly health?: WorkerHealth | undefined;
}

export type RenewalAnswer =
  | {
      readonly kind: "renewed";
      readonly until: number;
      readonly now: number;
      /** `closed`: the run ended or was cancelled; `lost`: somebody else has it; `paused`: nothing new of the run is claimed, the attempt may commit. */
      readonly revoked: readonly {
        readonly runId: string;
        readonly item: number;
        readonly why: "closed" | "lost" | "paused";
      }[];
    }
  /** The session signed off or was removed: open a new one. */
  | { readonly kind: "gone" };
