/**
 * One sentence for every status that a work item can have: what it waits for, since when, and who can release it. Pure
 * over the facts of one look; it neither reads nor guesses, and says what it does not know.
 */

import type { WorkItem } from "../../backend/contract/work-item.ts";
import { formatDuration } from "../../core/duration.ts";
import { LIMITS } from "../../core/limits.ts";
import { isTerminalRun, type RunStatus } from "../../core/status.ts";
import { cleanText } from "../../core/text.ts";
import { formatItemId } from "../../stores/item-id.ts";
import { sessionLiveness } from "../../stores/worker-info.ts";
import type { Facts } from "./facts.ts";
import { explainWait } from "./wait-sentence.ts";
import { whoTakes } from "./who-takes.ts";
import { brief, count, instant, quoted } from "./wording.ts";

/** Why an item is where it is. */
export interface ItemExplanation {
  readonly itemId: string;
  readonly node: string;
  readonly status: WorkItem["status"];
  /** The whole story in one sentence. */
  readonly sentence: string;
  /** When the present state began. */
  readonly since: number;
  /** Who or what moves it on; `undefined` where nothing will and nothing needs to. */
  readonly releasedBy: string | undefined;
}

/** Explains one item. */
export function explainItem(facts: Facts, item: WorkItem): ItemExplanation {
  const told = tell(facts, item);
  const itemId = formatItemId(item.runId, item.item);
  const sentence = `Item ${itemId} of node ${quoted(item.node)} ${told.is}.`;
  return { itemId, node: item.node, status: item.status, sentence, since: told.since, releasedBy: told.releasedBy };
}

interface Told {
  /** The sentence after its subject, without the full stop. */
  readonly is: string;
  readonly since: number;
  readonly releasedBy: string | undefined;
}

function tell(facts: Facts, item: WorkItem): Told {
  switch (item.status) {
    case "pending":
    case "waiting_retry":
      return facts.run.status === "paused" ? behindPause(facts, item) : queued(facts, item);
    case "in_progress":
      return executing(facts, item);
    case "waiting":
      return explainWait(facts, item);
    case "held":
      return held(facts, item);
    case "completed":
      return completed(facts, item);
    case "failed":
      return wentToFailureEdge(facts, item);
    case "permanently_failed":
      return failedForGood(facts, item);
    case "cancelled":
      return closedWithRun(facts, item);
  }
}

function behindPause({ run, actions, now }: Facts, item: WorkItem): Told {
  const actor = actions.get("pause")?.actor;
  const by = actor === undefined ? "" : ` by ${actor}`;
  const state =
    item.readyAt <= now ? `is ready since ${instant(item.readyAt, now)}` : `is due at ${instant(item.readyAt, now)}`;
  return {
    is: `${state}, but its run is paused since ${instant(run.statusAt, now)}${by}, so that nobody takes it until the run is resumed`,
    since: Math.max(run.statusAt, item.createdAt),
    releasedBy: "resume of the run",
  };
}

function queued(facts: Facts, item: WorkItem): Told {
  const { now } = facts;
  const deadline = item.deadlineAt === undefined ? "" : `; its deadline is at ${instant(item.deadlineAt, now)}`;
  if (item.readyAt > now) {
    const releasedBy = "time, and then a worker";
    const since = item.status === "waiting_retry" ? attemptEnd(item) : item.createdAt;
    const is =
      item.status === "waiting_retry"
        ? `${retryOf(facts, item)} at ${instant(item.readyAt, now)}${deadline}`
        : `is delayed until ${instant(item.readyAt, now)}${deadline}`;
    return { is, since, releasedBy };
  }
  const taker = whoTakes(facts, item);
  const again = item.status === "waiting_retry" ? ` for ${attemptOf(facts, item)}` : "";
  const stalls = item.stalls === 0 ? "" : ` after ${count(item.stalls, "worker")} vanished with it`;
  return {
    is: `is ready${again} since ${instant(item.readyAt, now)}${stalls} and waits for ${taker.waitsFor}${deadline}`,
    since: item.readyAt,
    releasedBy: taker.releasedBy,
  };
}

function executing(facts: Facts, item: WorkItem): Told {
  const { now, thresholdMs } = facts;
  const claimedAt = item.claimedAt ?? item.readyAt;
  const session = item.session === undefined ? undefined : facts.sessions.get(item.session);
  const what = item.reason === "ready" ? attemptOf(facts, item) : `the failure path, because of its ${item.reason},`;
  if (session === undefined) {
    return {
      is: `is in ${what} since ${instant(claimedAt, now)} by a worker that is not known any more, and is taken over by the next claim`,
      since: claimedAt,
      releasedBy: "the next claim of any worker that can take it",
    };
  }
  const liveness = sessionLiveness(session, now, thresholdMs);
  const who = `worker ${session.workerId} on ${session.host}`;
  const begun = `is in ${what} by ${who} since ${instant(claimedAt, now)}`;
  if (session.until <= now || session.stoppedAt !== undefined) {
    const taker = whoTakes(facts, item);
    return {
      is: `${begun}, but that worker is ${session.stoppedAt === undefined ? liveness : "stopped"} (last heard of at ${instant(session.heartbeatAt, now)}) and its lease ran out at ${instant(session.until, now)}, so that it waits for ${taker.waitsFor}`,
      since: session.until,
      releasedBy: taker.releasedBy,
    };
  }
  const pausing = facts.run.status === "paused" ? "; its run is paused, but this attempt may still commit" : "";
  const late =
    liveness === "alive" ? "" : `, which is ${liveness} since its heartbeat at ${instant(session.heartbeatAt, now)}`;
  const timeout = item.timeoutAt === undefined ? "" : `, and the attempt times out at ${instant(item.timeoutAt, now)}`;
  return {
    is: `${begun}${late}${saidBy(facts, item)}; its lease holds until ${instant(session.until, now)}${timeout}${pausing}`,
    since: claimedAt,
    releasedBy: `the commit of ${who}, or the end of its lease`,
  };
}

function saidBy({ progress, now }: Facts, { item }: WorkItem): string {
  const said = progress?.get(item);
  if (said === undefined) return "";
  const details = brief(cleanText(JSON.stringify(said.details), LIMITS.errorTextBytes));
  return `; it said ${details} at ${instant(said.at, now)}`;
}

function held({ run, now }: Facts, item: WorkItem): Told {
  const since = item.endedAt ?? attemptEnd(item);
  const stuck = isTerminalRun(run.status)
    ? ", and nothing went on after it: resuming a stuck run lets it decide again"
    : "; it was consumed and waits for nothing, and a later item decides";
  return {
    is: `holds since ${instant(since, now)}${stuck}`,
    since,
    releasedBy: isTerminalRun(run.status) ? "resume of the run" : undefined,
  };
}

function completed({ now }: Facts, item: WorkItem): Told {
  const since = item.endedAt ?? attemptEnd(item);
  const attempts = item.attempts === 0 ? "" : ` at attempt ${item.attempts + 1}`;
  const ran = item.ranMs === undefined ? "" : `, having run for ${formatDuration(item.ranMs)}`;
  return { is: `completed at ${instant(since, now)}${attempts}${ran}`, since, releasedBy: undefined };
}

function wentToFailureEdge({ now }: Facts, item: WorkItem): Told {
  const since = item.endedAt ?? attemptEnd(item);
  return {
    is: `failed at ${instant(since, now)} after ${count(item.attempts, "attempt")} with ${failureOf(item)}, and its failure edge took over`,
    since,
    releasedBy: undefined,
  };
}

function failedForGood({ now }: Facts, item: WorkItem): Told {
  const since = item.endedAt ?? attemptEnd(item);
  return {
    is: `failed for good at ${instant(since, now)} after ${count(item.attempts, "attempt")} with ${failureOf(item)}, and runs again when it is retried or its run is resumed`,
    since,
    releasedBy: "retry of the item, or resume of the run",
  };
}

function closedWithRun({ run, now }: Facts, _item: WorkItem): Told {
  const since = run.finishedAt ?? run.statusAt;
  const again = run.status === "completed" ? "" : ", and is open again when the run is resumed";
  return {
    is: `was still open when its run ${became(run.status)} at ${instant(since, now)}; it is not executed any more${again}`,
    since,
    releasedBy: run.status === "completed" ? undefined : "resume of the run",
  };
}

function became(status: RunStatus): string {
  return status === "cancelled" ? "was cancelled" : status;
}

function retryOf(facts: Facts, item: WorkItem): string {
  return `failed ${count(item.attempts, "attempt")}, the last with ${failureOf(item)}, and waits for ${attemptOf(facts, item)}`;
}

/** `attempt 3 of 5`; the maximum only where the policy is at hand. */
function attemptOf({ maxAttempts }: Facts, item: WorkItem): string {
  const max = maxAttempts(item.node);
  return max === undefined ? `attempt ${item.attempts + 1}` : `attempt ${item.attempts + 1} of ${max}`;
}

function failureOf({ failure }: WorkItem): string {
  return failure === undefined ? "an unknown failure" : `${failure.code}: ${brief(failure.message)}`;
}

function attemptEnd(item: WorkItem): number {
  return (item.claimedAt ?? item.createdAt) + (item.ranMs ?? 0);
}
