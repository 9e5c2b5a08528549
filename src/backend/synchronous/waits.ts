/**
 * Waits as rows beside their items: a record of each that can be answered, and how a wait ends. Invariant: a wait has its
 * rows from the step that parks its item to the step that ends it.
 */

import type { NewWait, WaitRecord } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { answerName, endWait } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { mayGoOnAlone } from "./child-runs.ts";
import { Facts } from "./entry-facts.ts";
import { withdrawFromHub } from "./event-hub.ts";
import { isCondition } from "./outbox.ts";
import type { Entry } from "./row-store.ts";

export const WAIT = "wait";

export function waitKey(runId: string, item: number): string {
  return `${runId}.${item}`;
}

/** Ends the wait of an item: the item is ready, with its answer if it has one. Precondition: it is in a wait. */
export function finishWait(step: AtomicStep, item: WorkItem, over: "answer" | "time", payload?: Uint8Array): void {
  const run = step.run(item.runId);
  if (run === undefined || item.wait === undefined) return;
  const ended = endWait(run, item, over, step.now);
  step.putRun(ended.run);
  step.putItem(ended.item, ended.run);
  if (payload !== undefined) keepAnswer(step, item, item.wait.number, payload);
  forgetWait(step, item, over);
}

/** Keeps the answer to a wait where the next attempt finds it. */
export function keepAnswer(step: AtomicStep, item: WorkItem, number: number, payload: Uint8Array): void {
  step.store.insertMemo(item.runId, item.item, answerName(item, number), payload);
}

/** Removes the rows of a wait that is over. A child that is waited for in vain is cancelled, unless it may go on alone. */
export function forgetWait(step: AtomicStep, item: WorkItem, over: "answer" | "time"): void {
  const { store } = step;
  if (item.wait === undefined || item.wait.kind === "sleep") return;
  const entry = store.entry(WAIT, waitKey(item.runId, item.item));
  if (entry === undefined) return;
  store.removeEntry(entry);
  const { childId, event } = recordOf(entry);
  if (childId !== undefined && over === "time" && !mayGoOnAlone(store, childId))
    step.leave({ kind: "cancelRun", runId: childId, generation: 0 });
  if (event !== undefined) withdrawFromHub(step, item, event);
}

/** The wait that an item is in, if it can be answered. */
export function waitOf(store: AtomicStep["store"], runId: string, item: number): WaitRecord | undefined {
  const entry = store.entry(WAIT, waitKey(runId, item));
  return entry && recordOf(entry);
}

/** Whether the entry is that of the wait which the item is in. */
export function isWaitOf(entry: Entry, { runId, item, wait }: WorkItem): boolean {
  if (entry.kind !== WAIT || entry.key !== waitKey(runId, item)) return false;
  return new Facts(entry).number("number") === wait?.number;
}

/** Lists that a wait lies in: all, those of its kind, those of its run. */
export function waitLists(filter: { readonly runId?: string | undefined; readonly kind?: string | undefined }): string {
  if (filter.runId !== undefined) return `waits:of:${filter.runId}`;
  return filter.kind === undefined ? "waits" : `waits:${filter.kind}`;
}

/** The event that a wait is for, with its conditions. */
export function eventOf(entry: Entry): NewWait["event"] {
  const facts = new Facts(entry);
  const name = facts.optionalText("event");
  if (name === undefined) return undefined;
  return { name, key: facts.text("eventKey"), conditions: facts.list("conditions").filter(isCondition) };
}

export function recordOf(entry: Entry): WaitRecord {
  const facts = new Facts(entry);
  const name = facts.optionalText("event");
  return {
    runId: facts.text("runId"),
    item: facts.number("item"),
    number: facts.number("number"),
    node: facts.text("node"),
    kind: facts.word("kind", ["event", "input", "tool", "child"]),
    since: facts.number("since"),
    dueAt: facts.optionalNumber("dueAt"),
    details: facts.text("details"),
    event: name === undefined ? undefined : { name, key: facts.text("eventKey") },
    childId: facts.optionalText("childId"),
  };
}
