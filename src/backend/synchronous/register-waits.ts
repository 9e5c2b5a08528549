/**
 * Parks an item: registers what it waits for in the step that commits it. The answer to a wait may be there already, and a child
 * run is started in the same step.
 */

import type { NewWait } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { registerAtHub } from "./event-hub.ts";
import type { Entry } from "./row-store.ts";
import { startChild } from "./start-child.ts";
import { finishWait, WAIT, waitKey, waitLists } from "./waits.ts";

/** Registers what an item waits for that this step has parked. Its answer may be there already. */
export function registerWait(step: AtomicStep, item: WorkItem, wait: NewWait): void {
  if (wait.kind === "sleep") return;
  const childId = wait.child === undefined ? undefined : startChild(step, item, wait.child);
  step.store.putEntry(entryOf(item, wait, childId));
  if (wait.event === undefined) return;
  const payload = registerAtHub(step, item, wait.event);
  if (payload !== undefined) finishWait(step, item, "answer", payload);
}

function entryOf(item: WorkItem, { kind, details, event }: NewWait, childId: string | undefined): Entry {
  const { runId, item: number, node, wait } = item;
  const since = wait?.since ?? item.readyAt;
  const facts = {
    ...{ runId, item: number, number: item.epoch, node, kind, since, dueAt: wait?.dueAt, details, childId },
    ...(event === undefined ? {} : { event: event.name, eventKey: event.key, conditions: event.conditions }),
  };
  const lists = [waitLists({}), waitLists({ kind }), waitLists({ runId })];
  return {
    kind: WAIT,
    key: waitKey(runId, number),
    runId,
    facts: JSON.stringify(facts),
    value: undefined,
    places: lists.map((list) => ({ list, at: since })),
  };
}
