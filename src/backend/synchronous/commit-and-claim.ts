/**
 * The hot path: one request of a session that finishes many attempts and claims the next many. The session's row keeps the
 * number, the digest and the answer of its last request, so that one that is sent again, because its answer was lost, has
 * no second effect and gets the same answer.
 */

import { canonicalJson, digest } from "../../core/digest.ts";
import { MillraceError } from "../../core/errors.ts";
import type { Claim, ClaimedItem, CommitAndClaim, CommitAndClaimAnswer } from "../contract/claim.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { type ClaimReference, claimedItem, claimItems } from "./claim.ts";
import { applyCommits } from "./commits.ts";
import { deliverMessages } from "./deliveries.ts";
import type { Aftermath } from "./engine.ts";
import { liveSession, renewSession } from "./leases.ts";
import type { StoredSession } from "./row-store.ts";
import { decodeAnswer, encodeAnswer, type StoredAnswer } from "./stored-answer.ts";
import { sweepItems, sweepRuns, sweepSessions } from "./sweep.ts";

/** How long a worker may sleep while leases of vanished sessions are left alone: their grace is not in any index. */
const GRACE_POLL_MS = 1_000;
/** How soon to look again for items that others held while they claimed. */
const CONTENDED_POLL_MS = 5;

export function commitAndClaim(step: AtomicStep, request: CommitAndClaim): CommitAndClaimAnswer {
  const { store } = step;
  const session = liveSession(store.session(request.session), request.session);
  const requested = requestDigest(request);
  checkOrder(session, request, requested);
  const renewed = renewSession(step, session);
  if (request.request === session.lastRequest) {
    store.putSession(renewed);
    return answerAgain(step, renewed.id, decodeAnswer(session.lastAnswer));
  }
  const answers = applyCommits(step, renewed, request.commits);
  const found = sweepAndClaim(step, renewed, request.claim);
  // The lease that the row still has is over as soon as this step is: nobody need look for its end.
  if (!found.more && store.nextDueAt() === session.until) store.putSession(renewed);
  const result = { items: found.items, nextDueAt: nextDueAt(step, found.more) };
  const references = result.items.map(referenceTo);
  const answer = { answers, now: step.now, nextDueAt: result.nextDueAt };
  const lastAnswer = encodeAnswer({ ...answer, references });
  store.putSession({ ...renewed, lastRequest: request.request, lastDigest: requested, lastAnswer });
  return { ...answer, items: result.items };
}

function checkOrder(session: StoredSession, request: CommitAndClaim, requested: string): void {
  if (request.request > session.lastRequest) return;
  if (request.request === session.lastRequest && requested === session.lastDigest) return;
  const problem =
    request.request === session.lastRequest
      ? "was sent before with other content"
      : `comes after request ${session.lastRequest}`;
  throw new MillraceError("COMMIT_CONFLICT", `request ${request.request} of session ${request.session} ${problem}`);
}

function sweepAndClaim(
  step: AtomicStep,
  session: StoredSession,
  claim: Claim | undefined,
): { readonly items: readonly ClaimedItem[]; readonly more: boolean } {
  let more = sweepRuns(step);
  // What has come for a wait goes before the end of its time.
  more = deliverMessages(step) || more;
  more = sweepItems(step) || more;
  more = deliverMessages(step) || more;
  if (claim === undefined) return { items: [], more };
  sweepSessions(step, session.id, claim.graceMs);
  step.flush();
  const claimed = claimItems(step, session, claim);
  return { items: claimed.items, more: more || claimed.more };
}

/** When a worker that found all there was should look again; at once if there is `more`. */
export function nextDueAt(step: AtomicStep, more: boolean): number | undefined {
  if (more) return step.now;
  step.flush();
  return dueLater(step.store.nextDueAt(), step.now);
}

/** When to look again, if something is due at this instant: never at once, since what is due and still there is left to somebody for a while. */
export function dueLater(at: number | undefined, now: number): number | undefined {
  return at === undefined || at > now ? at : now + GRACE_POLL_MS;
}

/** Completes an answer whose rows could tell only after the step when something will be due. */
export function withNextDue(answer: CommitAndClaimAnswer, aftermath: Aftermath): CommitAndClaimAnswer {
  if (answer.nextDueAt !== undefined) return answer;
  const later = dueLater(aftermath.nextDueAt, aftermath.now);
  const soon = aftermath.contended ? aftermath.now + CONTENDED_POLL_MS : undefined;
  return { ...answer, nextDueAt: soon === undefined || (later !== undefined && later < soon) ? later : soon };
}

function answerAgain(step: AtomicStep, session: string, stored: StoredAnswer): CommitAndClaimAnswer {
  const items = stored.references.flatMap((reference) => claimedAgain(step, session, reference));
  return { answers: stored.answers, items, now: stored.now, nextDueAt: stored.nextDueAt };
}

/** As it was handed out, whatever became of it since: what the session may still do with it, its commit will be told. */
function claimedAgain(step: AtomicStep, session: string, reference: ClaimReference): readonly ClaimedItem[] {
  const { runId, epoch, reason, generation, sequence } = reference;
  const run = step.run(runId);
  const item = step.store.item(runId, reference.item);
  if (run === undefined || item === undefined) return [];
  const handedOut = item.epoch === epoch ? item : { ...item, epoch, session, status: "in_progress" as const, reason };
  return [claimedItem(step, handedOut, { ...run, generation, sequence }, reason)];
}

function referenceTo({ item, run, reason }: ClaimedItem): ClaimReference {
  return {
    runId: run.id,
    item: item.item,
    epoch: item.epoch,
    reason,
    generation: run.generation,
    sequence: run.sequence,
  };
}

/**
 * Equal for equal requests: each commit brings a digest of its content. The grace is not looked at: who sends again what was
 * not answered through an outage knows more by then.
 */
export function requestDigest({ commits, claim }: CommitAndClaim): string {
  const references = commits.map(({ runId, item, epoch, generation, digest: content }) => [
    runId,
    item,
    epoch,
    generation,
    content,
  ]);
  const { graceMs: _grace, ...wanted } = claim ?? { graceMs: 0 };
  return digest(canonicalJson([references, claim === undefined ? null : wanted]));
}
