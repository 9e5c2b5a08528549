/**
 * The row beside each child run: whose wait its end is the answer to, and what becomes of it when its parent is closed. It
 * lies in the list of the parent's children, in the order in which they were started.
 */

import type { RunStatus } from "../../core/status.ts";
import type { ChildEnd, NewChild } from "../contract/wait.ts";
import { Facts } from "./entry-facts.ts";
import type { WaitAddress } from "./outbox.ts";
import type { Entry, RowStore } from "./row-store.ts";

const CHILD = "child";

/** The list of the children that a run has started. */
export function childrenOf(runId: string): string {
  return `children:${runId}`;
}

/** `owner`: the run that it goes away with. */
export function childEntry(
  childId: string,
  parent: WaitAddress,
  onParentClose: NewChild["onParentClose"],
  { owner, now }: { readonly owner: string; readonly now: number },
): Entry {
  return {
    kind: CHILD,
    key: childId,
    runId: owner,
    facts: JSON.stringify({ ...parent, onParentClose, cascaded: false }),
    value: undefined,
    places: [{ list: childrenOf(parent.runId), at: now }],
  };
}

/** The wait that hears of the end of a run, if it has one. */
export function parentOf(store: RowStore, childId: string): WaitAddress | undefined {
  const entry = store.entry(CHILD, childId);
  if (entry === undefined) return undefined;
  const facts = new Facts(entry);
  return { runId: facts.text("runId"), item: facts.number("item"), number: facts.number("number") };
}

/** Whether the child goes on when nobody waits for it. */
export function mayGoOnAlone(store: RowStore, childId: string): boolean {
  const entry = store.entry(CHILD, childId);
  return entry !== undefined && new Facts(entry).text("onParentClose") === "leave";
}

/** The answer to a wait for a child. One that is not there was never started, or was removed since. */
export function childEnd(runId: string, status: RunStatus | undefined): Uint8Array {
  const end: ChildEnd =
    status === undefined
      ? {
          runId,
          status: "failed",
          failure: {
            code: "RUN_NOT_FOUND",
            message: "the child run was not started, as its definition is not published, or it was removed",
          },
        }
      : { runId, status: status === "completed" || status === "cancelled" ? status : "failed" };
  return Buffer.from(JSON.stringify(end));
}

/** The row of a child that was cancelled because its parent had ended, or that goes on since its parent does. */
export function cascaded(entry: Entry, isCascaded: boolean): Entry {
  return { ...entry, facts: JSON.stringify({ ...JSON.parse(entry.facts), cascaded: isCascaded }) };
}

/** The row of a child, if it was cancelled because its parent had ended. */
export function cascadedChild(store: RowStore, childId: string): Entry | undefined {
  const entry = store.entry(CHILD, childId);
  return entry !== undefined && new Facts(entry).flag("cascaded") ? entry : undefined;
}
