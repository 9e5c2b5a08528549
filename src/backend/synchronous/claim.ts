/**
 * Hands out work. A claim looks at its own lanes only, in rank order; what it meets that cannot be claimed now is moved to
 * where it belongs, so that the next one does not meet it again. Invariant: nothing of a run that is not running is handed out, and
 * every item handed out has a new epoch.
 */

import { LIMITS } from "../../core/limits.ts";
import type { Claim, ClaimedItem } from "../contract/claim.ts";
import type { FailureEntry } from "../contract/records.ts";
import type { RunState } from "../contract/run.ts";
import type { ClaimReason, WorkItem } from "../contract/work-item.ts";
import { decideClaim } from "../rules/due.ts";
import { isReservedForOther } from "../rules/reservation.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { answerOf, memosOf } from "./caches.ts";
import type { LaneSelection, StoredSession } from "./row-store.ts";

/** Candidates read beyond what is wanted, to find items of runs that the session knows. */
export const CLAIM_OVERSCAN = 32;

/** An item as it was handed out; enough to hand it out alike again. */
export interface ClaimReference {
  readonly runId: string;
  readonly item: number;
  readonly epoch: number;
  readonly reason: ClaimReason;
  readonly generation: number;
  readonly sequence: number;
}

export interface ClaimResult {
  readonly items: readonly ClaimedItem[];
  /** It stopped at its bound: there may be more to take. */
  readonly more: boolean;
}

export function claimItems(step: AtomicStep, session: StoredSession, claim: Claim): ClaimResult {
  const wanted = Math.max(0, Math.min(claim.limit, LIMITS.claimItems));
  const stalled = take(step, session, claim, true, Math.min(claim.stalledLimit, wanted));
  const others = take(step, session, claim, false, wanted - stalled.items.length);
  const taken = [...stalled.items, ...others.items];
  const items = taken.map(({ item, run }) => {
    const decision = decideClaim(item, session.id, Math.max(1, claim.maxStalls), step.now);
    if (decision.takenOver) step.store.insertFailure(stallEntry(step, item));
    step.putItem(decision.item, run);
    step.claimed(item);
    return claimedItem(step, decision.item, run, decision.reason);
  });
  return { items, more: stalled.more || others.more };
}

/** The item with all that its executor needs. */
export function claimedItem(step: AtomicStep, item: WorkItem, run: RunState, reason: ClaimReason): ClaimedItem {
  const { id, definition, generation, sequence, priority, createdAt } = run;
  const { name: workflow, version } = step.definitionName(definition);
  return {
    item,
    run: { id, definition, generation, sequence, priority, createdAt, workflow, version },
    reason,
    memos: memosOf(step.store, item),
    ...answered(step, item),
    ...(step.store.payload(item.runId, item.item) ?? { input: undefined, failure: undefined }),
  };
}

function answered({ store }: AtomicStep, item: WorkItem): Pick<ClaimedItem, "answer"> {
  const answer = answerOf(store, item);
  return answer === undefined ? {} : { answer };
}

interface Candidate {
  readonly item: WorkItem;
  readonly run: RunState;
}

interface Taken {
  readonly items: readonly Candidate[];
  readonly more: boolean;
}

function take(
  step: AtomicStep,
  session: StoredSession,
  selection: LaneSelection,
  stalled: boolean,
  wanted: number,
): Taken {
  if (wanted <= 0) return { items: [], more: false };
  const span = wanted + CLAIM_OVERSCAN;
  for (let moved = 0; moved < LIMITS.claimMoves; ) {
    const window = step.store.ready(selection, stalled, span);
    const claimable = window.flatMap((item) => candidate(step, item));
    const misfits = window.length - claimable.length;
    if (misfits === 0 || claimable.length >= wanted || window.length < span) {
      return { items: choose(step, session, claimable, wanted), more: false };
    }
    moved += misfits;
  }
  return { items: [], more: true };
}

/** Nothing, once it has been moved, if it cannot be claimed. */
function candidate(step: AtomicStep, item: WorkItem): readonly Candidate[] {
  const run = step.run(item.runId);
  if (run === undefined) return [];
  const leaseOver = item.status === "in_progress" && step.isLeaseOver(item);
  return step.isClaimable(item, run, leaseOver) ? [{ item, run }] : [];
}

/** Takes those first that nobody else is about to take, then any, and keeps them in rank order. */
function choose(
  step: AtomicStep,
  session: StoredSession,
  candidates: readonly Candidate[],
  wanted: number,
): readonly Candidate[] {
  if (candidates.length <= wanted) return candidates;
  const alive = new Map<string, boolean>();
  const isAlive = (id: string): boolean => {
    const known = alive.get(id) ?? step.isAlive(id);
    alive.set(id, known);
    return known;
  };
  const open: number[] = [];
  const reserved: number[] = [];
  for (const [at, { item, run }] of candidates.entries()) {
    (isReservedForOther(item, run, session.id, isAlive, step.now) ? reserved : open).push(at);
  }
  const chosen = [...open, ...reserved].slice(0, wanted).sort((a, b) => a - b);
  return chosen.flatMap((at) => candidates[at] ?? []);
}

/** The attempt that ended with its worker: recorded, though it uses up no attempt. */
function stallEntry(step: AtomicStep, item: WorkItem): FailureEntry {
  const { runId, item: number, node, epoch } = item;
  const workerId = (item.session === undefined ? undefined : step.store.session(item.session)?.workerId) ?? "unknown";
  const message = `worker ${workerId} stopped without a result while it executed the item`;
  const failure = { code: "STALLED", message };
  return {
    runId,
    item: number,
    node,
    attempt: item.attempts + 1,
    epoch,
    failure,
    outcome: "stalled",
    workerId,
    at: step.now,
  };
}
