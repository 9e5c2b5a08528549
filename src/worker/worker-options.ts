/**
 * The options of a worker: checked and completed with the defaults once, when the worker is made. What is wrong is
 * refused with `INVALID_CONFIG` and names the option.
 */

import { hostname } from "node:os";
import { pid } from "node:process";
import type { BackendOperations } from "../backend/contract/operations.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { DEFAULTS, LIMITS } from "../core/limits.ts";
import { isName } from "../core/names.ts";
import { type Clock, type Ids, type Logger, type Random, systemClock, systemIds, systemRandom } from "../core/ports.ts";
import { DEFAULT_RETRY, type ResolvedRetryPolicy, type RetryPolicy, resolveRetry } from "../core/retry.ts";
import { withChildren } from "../definition/child-workflows.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { loggerFor } from "../logging/logger-option.ts";
import type { WorkerCallbacks } from "./worker-callbacks.ts";

/** What a worker needs of a backend; `connect` and `memory` give more. */
export interface WorkerBackend {
  readonly operations: BackendOperations;
}

/** How a worker works. Only `backend` and `workflows` are required. */
export interface WorkerOptions {
  readonly backend: WorkerBackend;
  /** The workflows whose items it executes, each with the older definitions that it takes over, and those of their child runs. */
  readonly workflows: readonly Workflow[];
  /** Shown to operators and recorded with failures. Host, process and start time if absent: unique. */
  readonly workerId?: string | undefined;
  /** Items executed at the same time; 16 if absent. */
  readonly concurrency?: number | undefined;
  /** For nodes without a policy of their own, in workflows without one; 5 attempts if absent, `false` for one. */
  readonly retry?: RetryPolicy | false | undefined;
  /** How long the items of a worker that is not heard of any more stay with it; 30 s if absent. */
  readonly lease?: Duration | undefined;
  /** Queues that it serves; all that its workflows name if absent. */
  readonly queues?: readonly string[] | undefined;
  /** What it offers: items whose nodes ask for other labels are left to other workers. */
  readonly labels?: readonly string[] | undefined;
  /** Longest time between two looks at the queue when nothing wakes it up; 1 s if absent. */
  readonly pollInterval?: Duration | undefined;
  /** Most commits in one request to the backend; 256 if absent, which is also the most. */
  readonly batch?: number | undefined;
  /** Times that the worker of an item may vanish before the item fails with `STALLED`; 3 if absent. */
  readonly maxStalls?: number | undefined;
  /** Runs that finished longer ago than this are removed by and by; 30 days if absent, never with `null`. */
  readonly retention?: Duration | null | undefined;
  /** Whether it also fires schedules that are due, of whatever workflows; true if absent. */
  readonly schedules?: boolean | undefined;
  /** Lets a workflow's name and version take another definition than the one published before. Not for production. */
  readonly development?: boolean | undefined;
  readonly callbacks?: WorkerCallbacks | undefined;
  /** Where the worker's lines go, and those of its nodes. What `MILLRACE_LOG` asks for if absent, which is nothing unless it is set. */
  readonly logger?: Logger | undefined;
  /** For tests and simulations. */
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
  readonly ids?: Ids | undefined;
}

/** The options with nothing left open. */
export interface WorkerSettings {
  readonly operations: BackendOperations;
  readonly workflows: readonly Workflow[];
  readonly workerId: string;
  readonly host: string;
  readonly pid: number;
  readonly concurrency: number;
  readonly retry: ResolvedRetryPolicy;
  readonly leaseMs: number;
  readonly queues: readonly string[] | undefined;
  readonly labels: readonly string[];
  readonly pollMs: number;
  readonly batch: number;
  readonly maxStalls: number;
  /** `undefined`: for ever. */
  readonly retentionMs: number | undefined;
  readonly schedules: boolean;
  readonly development: boolean;
  readonly callbacks: WorkerCallbacks;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: Ids;
}

const DEFAULT_CONCURRENCY = 16;
const DEFAULT_POLL_MS = 1_000;
const MOST_CONCURRENCY = 10_000;
const SHORTEST_LEASE_MS = 100;

export function readWorkerOptions(options: WorkerOptions): WorkerSettings {
  const clock = options.clock ?? systemClock;
  if (!Array.isArray(options.workflows) || options.workflows.length === 0) {
    throw invalid("workflows", "must be a list of at least one workflow");
  }
  const leaseMs = duration(options.lease, "lease", DEFAULTS.leaseMs);
  if (leaseMs < SHORTEST_LEASE_MS) throw invalid("lease", `must be at least ${SHORTEST_LEASE_MS} ms`);
  const pollMs = duration(options.pollInterval, "pollInterval", DEFAULT_POLL_MS);
  if (pollMs < 1) throw invalid("pollInterval", "must be at least 1 ms");
  return {
    operations: options.backend.operations,
    workflows: distinct(withChildren(options.workflows)),
    workerId: workerIdOf(options.workerId, clock),
    host: hostname(),
    pid,
    concurrency: count(options.concurrency, "concurrency", DEFAULT_CONCURRENCY, MOST_CONCURRENCY),
    retry: config(() => resolveRetry(options.retry, DEFAULT_RETRY)),
    leaseMs,
    queues: options.queues === undefined ? undefined : names(options.queues, "queues", 1),
    labels: names(options.labels ?? [], "labels", 0),
    pollMs,
    batch: count(options.batch, "batch", LIMITS.batchCommits, LIMITS.batchCommits),
    maxStalls: count(options.maxStalls, "maxStalls", DEFAULTS.maxStalls, Number.MAX_SAFE_INTEGER),
    retentionMs:
      options.retention === null ? undefined : duration(options.retention, "retention", DEFAULTS.retentionMs),
    schedules: options.schedules !== false,
    development: options.development === true,
    callbacks: options.callbacks ?? {},
    logger: loggerFor(options.logger),
    clock,
    random: options.random ?? systemRandom,
    ids: options.ids ?? systemIds,
  };
}

let workersMade = 0;

function workerIdOf(given: string | undefined, clock: Clock): string {
  if (given !== undefined) {
    if (isName(given)) return given;
    throw invalid("workerId", `must be a name of letters, digits, ".", "_" and "-"`);
  }
  workersMade += 1;
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9._-]/g, "-")
    .slice(0, 60);
  const start = clock.now().toString(36);
  return `${/^[A-Za-z0-9]/.test(host) ? host : `host${host}`}-${pid}-${start}-${workersMade}`;
}

function distinct(workflows: readonly Workflow[]): readonly Workflow[] {
  const versions = new Map<string, Workflow>();
  for (const workflow of workflows) {
    const version = `${workflow.name}@${workflow.version}`;
    const known = versions.get(version);
    if (known !== undefined && known.hash !== workflow.hash) {
      throw invalid("workflows", `has two different workflows ${version}`);
    }
    versions.set(version, workflow);
  }
  return [...versions.values()];
}

function duration(given: Duration | undefined, what: string, otherwise: number): number {
  return given === undefined ? otherwise : config(() => toMilliseconds(given, what));
}

function count(given: number | undefined, what: string, otherwise: number, most: number): number {
  const number = given ?? otherwise;
  if (Number.isSafeInteger(number) && number >= 1 && number <= most) return number;
  throw invalid(what, `must be a whole number from 1 to ${most}`);
}

function names(given: readonly string[], what: string, least: number): readonly string[] {
  if (!Array.isArray(given) || given.length < least || !given.every(isName)) {
    throw invalid(what, "must be a list of names");
  }
  return [...new Set(given)].sort();
}

function config<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new MillraceError("INVALID_CONFIG", cause instanceof Error ? cause.message : "an option is not valid", {
      cause,
    });
  }
}

function invalid(what: string, problem: string): MillraceError {
  return new MillraceError("INVALID_CONFIG", `${what} ${problem}`);
}
