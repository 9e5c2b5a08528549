/**
 * Parks an item: registers what it waits for in the step that commits it. The answer to a wait may be there already, and a child
 * run is started in the same step.
 */

import { digest } from "../../core/digest.ts";
import type { StartRun } from "../contract/run.ts";
import type { NewWait } from "../contract/wait.ts";
import type { WorkItem } from "../contract/work-item.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { registerAtHub } from "./event-hub.ts";
import { leave } from "./messages.ts";
import type { Entry } from "./row-store.ts";
import { startRun } from "./start-runs.ts";
import { CHILD, childrenOf, finishWait, WAIT, waitKey, waitLists } from "./waits.ts";

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
    ...(event === undefined ? {} : { event: event.name, eventKey: event.key }),
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

/** The child's id is told from the claim that starts it, so that it is the same however often the step is run. */
function startChild(step: AtomicStep, item: WorkItem, child: Omit<StartRun, "id" | "parent">): string {
  const { store, now } = step;
  const { runId, item: number, epoch } = item;
  const id = childIdOf(step, [runId, number, epoch]);
  const outcome = startRun(step, { ...child, id, parent: { runId, item: number } });
  const childId = outcome.kind === "unknownDefinition" ? id : outcome.run.id;
  store.putEntry({
    kind: CHILD,
    key: childId,
    runId: outcome.kind === "unknownDefinition" ? runId : childId,
    facts: JSON.stringify({ runId, item: number, number: epoch }),
    value: undefined,
    places: [{ list: childrenOf(runId), at: now }],
  });
  // There is no such run, and so it has ended.
  if (outcome.kind === "unknownDefinition") leave(store, { kind: "childEnded", runId: id }, now);
  return childId;
}

const CHILD_ID_LENGTH = 32;

/** A child lies in the partition of its parent, so that what one means for the other is one step. */
function childIdOf({ here }: AtomicStep, origin: readonly (string | number)[]): string {
  for (let turn = 0; ; turn += 1) {
    const id = `child-${digest(JSON.stringify([...origin, turn])).slice(0, CHILD_ID_LENGTH)}`;
    if (here(id)) return id;
  }
}
