/**
 * Delivers what is due: messages within a partition. What a message does is told from the rows that it finds, so that one
 * which comes twice, or late, has one effect or none. Invariant: a step delivers a bounded part of what there is, and what
 * is left stays a message.
 */

import { LIMITS } from "../../core/limits.ts";
import { isTerminalRun } from "../../core/status.ts";
import { isWaitingFor } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { cascaded, childEnd, childrenOf, parentOf } from "./child-runs.ts";
import { controlRun } from "./control.ts";
import { isDocument, noticeDocument } from "./documents.ts";
import { Facts } from "./entry-facts.ts";
import { EventHub, hubIdOf } from "./event-hub.ts";
import { inTurn } from "./in-turn.ts";
import { MESSAGES, placeIn, type Release, type RunAddress, releaseIn, windowOf } from "./messages.ts";
import { missedMeanwhile } from "./reopened-waits.ts";
import { DUE_ENTRIES, type Entry } from "./row-store.ts";
import { releaseWaits } from "./send-events.ts";
import { finishWait, waitLists } from "./waits.ts";

/** Rows of a list that one message handles before it is left again for the rest. */
const WINDOW = 64;

/** Delivers messages whose time has come. True when there may be more. */
export function deliverMessages(step: AtomicStep): boolean {
  let left: number = LIMITS.sweepRows;
  // What a message does may leave others.
  for (;;) {
    const due = step.store.entries(DUE_ENTRIES, { upTo: step.now, limit: LIMITS.sweepRows });
    if (due.length === 0) return false;
    inTurn(due, (entry) => {
      if (left > 0) left -= deliverEntry(step, entry);
    });
    if (left <= 0) return true;
  }
}

/** How many rows it handled. */
function deliverEntry(step: AtomicStep, entry: Entry): number {
  if (isDocument(entry)) {
    noticeDocument(step, entry);
    return 1;
  }
  step.took(entry);
  return 1 + deliver(step, new Facts(entry), entry.value);
}

/** How many rows it handled beside its own. */
function deliver(step: AtomicStep, message: Facts, payload: Uint8Array | undefined): number {
  const kind = message.word("kind", MESSAGES);
  if (kind === "event") return payload === undefined ? 0 : goOnReleasing(step, releaseIn(message, payload));
  const runId = message.text("runId");
  switch (kind) {
    case "childEnded":
      childEnded(step, runId);
      return 1;
    case "endChildren":
      return endChildren(step, { runId, generation: message.number("generation") }, message);
    case "reopened":
      return reopened(step, { runId, generation: message.number("generation") }, message);
    case "cancelRun":
      cancel(step, runId, "the wait for it is over");
      return 1;
  }
}

/** A parent that is closed hears of it when it goes on. */
function childEnded(step: AtomicStep, childId: string): void {
  const child = step.run(childId);
  const parent = parentOf(step.store, childId);
  if (parent === undefined || (child !== undefined && !isTerminalRun(child.status))) return;
  const run = step.run(parent.runId);
  if (run === undefined || isTerminalRun(run.status)) return;
  const item = step.store.item(parent.runId, parent.item);
  if (!isWaitingFor(item, parent.number)) return;
  finishWait(step, item, "answer", childEnd(childId, child?.status));
}

/** Cancels the children of a run that has ended, and notes that it did, so that they go on when the run does. */
function endChildren(step: AtomicStep, { runId, generation }: RunAddress, message: Facts): number {
  const parent = step.run(runId);
  if (parent !== undefined && !isTerminalRun(parent.status)) return 0;
  const { entries, next } = windowOf(step.store, childrenOf(runId), placeIn(message), WINDOW);
  inTurn(entries, (entry) => {
    const child = step.run(entry.key);
    const isLeft = new Facts(entry).text("onParentClose") === "leave";
    if (child === undefined || isTerminalRun(child.status) || isLeft) return;
    step.store.putEntry(cascaded(entry, true));
    cancel(step, entry.key, `the run ${runId} that started it has ended`);
  });
  if (next !== undefined) step.leave({ kind: "endChildren", runId, generation, after: next });
  return entries.length;
}

/** The waits of a run that goes on get what came while it was closed. */
function reopened(step: AtomicStep, { runId, generation }: RunAddress, message: Facts): number {
  const run = step.run(runId);
  if (run === undefined || isTerminalRun(run.status)) return 0;
  const { entries, next } = windowOf(step.store, waitLists({ runId }), placeIn(message), WINDOW);
  inTurn(entries, (entry) => missedMeanwhile(step, entry));
  if (next !== undefined) step.leave({ kind: "reopened", runId, generation, after: next });
  return entries.length;
}

function goOnReleasing(step: AtomicStep, release: Release): number {
  return releaseWaits(step, new EventHub(step, hubIdOf(release.event)), release);
}

function cancel(step: AtomicStep, runId: string, reason: string): void {
  controlRun(step, { action: { kind: "cancel", runId, reason }, actor: "engine" });
}
