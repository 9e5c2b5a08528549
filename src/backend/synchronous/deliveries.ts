/**
 * Delivers what is due: messages between runs. What a message does is told from the rows that it finds, so that one which
 * comes twice, or late, has one effect or none.
 */

import { LIMITS } from "../../core/limits.ts";
import type { RunStatus } from "../../core/status.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { ChildEnd } from "../contract/wait.ts";
import { isWaitingFor } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { controlRun } from "./control.ts";
import { Facts } from "./entry-facts.ts";
import { leave, MESSAGES } from "./messages.ts";
import { DUE_ENTRIES, type Entry } from "./row-store.ts";
import { CHILD, childrenOf, finishWait } from "./waits.ts";

/** Children that one step cancels. */
const CHILDREN = 64;

/** Delivers messages whose time has come. True when there may be more. */
export function deliverMessages(step: AtomicStep): boolean {
  const due = step.store.entries(DUE_ENTRIES, { upTo: step.now, limit: LIMITS.sweepRows });
  let more = due.length === LIMITS.sweepRows;
  for (const message of due) {
    step.store.removeEntry(message);
    more = deliver(step, new Facts(message)) || more;
  }
  return more;
}

function deliver(step: AtomicStep, message: Facts): boolean {
  const runId = message.text("runId");
  switch (message.word("kind", MESSAGES)) {
    case "childEnded":
      childEnded(step, runId);
      return false;
    case "endChildren":
      return endChildren(step, runId);
    case "cancelRun":
      cancel(step, runId, "the wait for it is over");
      return false;
  }
}

/** The parent goes on, also if it is closed for now: it may be resumed. */
function childEnded(step: AtomicStep, childId: string): void {
  const child = step.run(childId);
  const entry = step.store.entry(CHILD, childId);
  if (entry === undefined || (child !== undefined && !isTerminalRun(child.status))) return;
  const parent = new Facts(entry);
  const runId = parent.text("runId");
  const item = step.run(runId) === undefined ? undefined : step.store.item(runId, parent.number("item"));
  if (!isWaitingFor(item, parent.number("number"))) return;
  const end: ChildEnd = { runId: childId, status: endOf(child?.status) };
  finishWait(step, item, "answer", Buffer.from(JSON.stringify(end)));
}

/** A child that is not there has never started. */
function endOf(status: RunStatus | undefined): ChildEnd["status"] {
  return status === "completed" || status === "cancelled" ? status : "failed";
}

/** Part after part; true when there are more. */
function endChildren(step: AtomicStep, runId: string): boolean {
  const parent = step.run(runId);
  // Resumed meanwhile: its children go on.
  if (parent !== undefined && !isTerminalRun(parent.status)) return false;
  const children = openChildren(step, runId);
  for (const { key } of children) cancel(step, key, `the run ${runId} that started it has ended`);
  if (children.length < CHILDREN) return false;
  leave(step.store, { kind: "endChildren", runId }, step.now);
  return true;
}

function openChildren(step: AtomicStep, runId: string): readonly Entry[] {
  const open: Entry[] = [];
  let after: { readonly at: number; readonly key: string } | undefined;
  for (;;) {
    const window = step.store.entries(childrenOf(runId), { after, limit: LIMITS.sweepRows });
    for (const entry of window) {
      const child = step.run(entry.key);
      if (child !== undefined && !isTerminalRun(child.status)) open.push(entry);
      if (open.length === CHILDREN) return open;
    }
    const last = window.at(-1);
    if (last === undefined || window.length < LIMITS.sweepRows) return open;
    after = { at: last.places[0]?.at ?? 0, key: last.key };
  }
}

function cancel(step: AtomicStep, runId: string, reason: string): void {
  controlRun(step, { action: { kind: "cancel", runId, reason }, actor: "engine" });
}
