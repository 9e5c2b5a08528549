/**
 * The work queue: items put into a run and taken out by hand. `dequeue` is a claim like a worker's, with a lease that
 * runs out; nothing is ever popped and forgotten. It holds no items itself and executes nothing.
 */

import type { Claim } from "../backend/contract/claim.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { Page, PageRequest } from "../backend/contract/run.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { DEFAULTS } from "../core/limits.ts";
import type { Ids } from "../core/ports.ts";
import { isTerminalRun } from "../core/status.ts";
import { encodeValue } from "../core/values.ts";
import { type DequeuedItem, dequeuedItem } from "./dequeued-item.ts";
import { formatItemId } from "./item-id.ts";
import type { Whereabouts } from "./liveness.ts";
import { openPrivateSession, type PrivateSession } from "./private-session.ts";
import type { PublishedDefinition, PublishedDefinitions } from "./published-definitions.ts";
import { type ControlOptions, control, requireRunState } from "./run-control.ts";
import { newItem } from "./run-start.ts";
import { mapPage, toWorkItemInfo, type WorkItemInfo } from "./work-item-info.ts";

/** What to put into a run. */
export interface EnqueueOptions extends ControlOptions {
  readonly priority?: number | undefined;
  readonly delay?: Duration | undefined;
}

/** What to take, and for how long. */
export interface DequeueOptions {
  /** Name of a workflow; items of all of them if absent. */
  readonly workflow?: string | undefined;
  /** All queues of the workflows if absent. */
  readonly queues?: readonly string[] | undefined;
  /** Only items whose labels are all among these; all labels of the workflows if absent. */
  readonly labels?: readonly string[] | undefined;
  /** How long the item is nobody else's, unless renewed; 30 s if absent. */
  readonly lease?: Duration | undefined;
}

/** Work items that wait to be taken. */
export interface WorkQueue {
  /**
   * Puts an item of a node into an open run and gives its id. The input is checked by the worker that takes it. Throws
   * `RUN_NOT_FOUND`, `RUN_CLOSED`, `TOO_MANY_ITEMS`, `INVALID_VALUE` for a node that can't be enqueued, `INVALID_INPUT`.
   */
  enqueue(runId: string, node: string, input: unknown, options?: EnqueueOptions): Promise<string>;
  /** Leases the item that is next in rank; `undefined` when there is none. */
  dequeue(options?: DequeueOptions): Promise<DequeuedItem | undefined>;
  /** Takes everything of a run out of the queue, by cancelling it; a run that has ended has nothing there. Throws `RUN_NOT_FOUND`. */
  purgeRun(runId: string, options?: ControlOptions): Promise<void>;
  /** Items of a run that nobody has taken: ready, delayed, or waiting for a retry. Throws `RUN_NOT_FOUND`. */
  pendingWork(runId: string, page?: PageRequest): Promise<Page<WorkItemInfo>>;
}

/** The view on what a backend has to hand out. */
export function workQueue(
  operations: BackendOperations,
  published: PublishedDefinitions,
  ids: Ids,
  whereabouts: Whereabouts,
): WorkQueue {
  const idle = idleSessions();

  const open = (claim: Claim, leaseMs: number): Promise<PrivateSession> => {
    const { queues, labels, definitions } = claim;
    const id = ids.token();
    const session = { id, workerId: `dequeue-${id}`, leaseMs, queues, labels, definitions, ...whereabouts };
    return openPrivateSession(operations, session);
  };

  const take = async (session: PrivateSession, claim: Claim, leaseMs: number): Promise<DequeuedItem | undefined> => {
    try {
      const [claimed] = (await session.send([], claim)).items;
      if (claimed !== undefined) {
        return await dequeuedItem(operations, session, claimed, await published.get(claimed.run.definition));
      }
    } catch (error) {
      // Whatever was claimed and could not be handed over goes back at once, or else when the lease runs out.
      await session.close().catch(() => undefined);
      throw error;
    }
    idle.put(session, claim, leaseMs);
    return undefined;
  };

  return {
    async enqueue(runId, node, input, { priority, delay = 0, actor } = {}) {
      const run = await requireRunState(operations, runId);
      const { definition } = await published.get(run.definition);
      if (priority !== undefined && !Number.isSafeInteger(priority)) {
        throw new MillraceError("INVALID_VALUE", `the priority of an item must be an integer, not ${String(priority)}`);
      }
      const bytes = encodeValue(input, { what: `the input of ${node}`, code: "INVALID_INPUT" });
      const delayMs = toMilliseconds(delay, "the delay of an item");
      const item = newItem(definition, node, bytes, { runPriority: run.priority + (priority ?? 0), delayMs });
      const { item: number } = await control(operations, { kind: "enqueue", runId, item }, { actor });
      if (number === undefined)
        throw new MillraceError("INTERNAL", "the backend did not say which item it made", { runId });
      return formatItemId(runId, number);
    },
    async dequeue(options = {}) {
      const definitions = (await published.all()).filter(
        ({ definition }) => (options.workflow ?? definition.name) === definition.name,
      );
      const claim = claimOf(definitions, options);
      const leaseMs = toMilliseconds(options.lease ?? DEFAULTS.leaseMs, "the lease");
      if (leaseMs === 0) throw new MillraceError("INVALID_VALUE", "the lease must be longer than nothing");
      const session = (await idle.take(claim, leaseMs)) ?? (await open(claim, leaseMs));
      return take(session, claim, leaseMs);
    },
    async purgeRun(runId, options) {
      const run = await requireRunState(operations, runId);
      if (isTerminalRun(run.status)) return;
      await control(operations, { kind: "cancel", runId, reason: "purged from the queue" }, options);
    },
    async pendingWork(runId, page = {}) {
      await requireRunState(operations, runId);
      const queued = await operations.read.items({ runId, status: ["pending", "waiting_retry"] }, page);
      return mapPage(queued, toWorkItemInfo);
    },
  };
}

/** Sessions that claimed nothing, kept so that asking an empty queue again and again does not open one each time. */
interface IdleSessions {
  take(claim: Claim, leaseMs: number): Promise<PrivateSession | undefined>;
  put(session: PrivateSession, claim: Claim, leaseMs: number): void;
}

function idleSessions(): IdleSessions {
  const kept = new Map<string, PrivateSession>();
  const keyOf = ({ queues, labels, definitions }: Claim, leaseMs: number): string =>
    JSON.stringify([queues, labels, definitions, leaseMs]);
  return {
    async take(claim, leaseMs) {
      const key = keyOf(claim, leaseMs);
      const session = kept.get(key);
      kept.delete(key);
      return session !== undefined && (await session.renew()) ? session : undefined;
    },
    put(session, claim, leaseMs) {
      // One for each way of asking; another of the same simply runs out.
      kept.set(keyOf(claim, leaseMs), session);
      const [oldest] = kept.keys();
      if (kept.size > KEPT_SESSIONS && oldest !== undefined) kept.delete(oldest);
    },
  };
}

const KEPT_SESSIONS = 16;

function claimOf(definitions: readonly PublishedDefinition[], options: DequeueOptions): Claim {
  const nodes = definitions.flatMap(({ definition }) => Object.values(definition.nodes));
  return {
    queues: options.queues ?? distinct(nodes.map(({ queue }) => queue)),
    labels: options.labels ?? distinct(nodes.flatMap(({ labels }) => labels)),
    definitions: definitions.map(({ hash }) => hash),
    limit: 1,
    stalledLimit: 1,
    maxStalls: DEFAULTS.maxStalls,
    graceMs: 0,
  };
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
