/**
 * What a claim would find, without claiming: the looks of a claim and of the sweep before it, and nothing of what they do.
 * It writes no row, so that workers without work do not wake each other and leave the store alone. Invariant: where it says that
 * nothing is ready, a claim at the same instant would hand out nothing, and would change no run and no item.
 */

import type { Claim, Peek } from "../contract/claim.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { nextDueAt } from "./commit-and-claim.ts";
import { DUE_ENTRIES } from "./row-store.ts";
import { isVanished } from "./sweep.ts";

export function peek(step: AtomicStep, claim: Claim): Peek {
  const ready = isAnythingDue(step, claim.graceMs) || hasReadyItem(step, claim);
  return { now: step.now, ready, nextDueAt: nextDueAt(step, ready) };
}

/** Whether there is anything that a sweep would do. */
function isAnythingDue(step: AtomicStep, graceMs: number): boolean {
  const { store, now } = step;
  if (store.expiredRuns(now, 1).length > 0 || store.due(now, 1).length > 0) return true;
  if (store.entries(DUE_ENTRIES, { upTo: now, limit: 1 }).length > 0) return true;
  return store.expiredSessions(now).some((session) => isVanished(step, session, graceMs));
}

/** Items that a claim would only move out of its way count as well: it has to be made for that. */
function hasReadyItem({ store }: AtomicStep, claim: Claim): boolean {
  if (claim.limit < 1) return false;
  return store.ready(claim, false, 1).length > 0 || (claim.stalledLimit > 0 && store.ready(claim, true, 1).length > 0);
}
