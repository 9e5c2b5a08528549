/**
 * The invariants that the rows of one run keep between any two atomic steps, as a pure check over all of them. Tests ask
 * it; nothing on the way of a commit does. Numbers in the findings are those of ARCHITECTURE.md.
 */

import { isOpenItem, isTerminalRun, type WorkItemStatus } from "../../core/status.ts";
import type { DeltaRecord } from "../contract/records.ts";
import type { RunState } from "../contract/run.ts";
import type { Arrival, BranchGroup, WorkItem } from "../contract/work-item.ts";
import { arrivalsAt, firingJoins } from "./branch-group.ts";
import { settled } from "./waits.ts";

/** All rows of one run, as they are written: items not as they read once the run is closed. */
export interface RunRows {
  readonly run: RunState;
  /** By number. */
  readonly items: readonly WorkItem[];
  readonly groups: readonly BranchGroup[];
  readonly arrivals: readonly Pick<Arrival, "group" | "join" | "commit">[];
  readonly deltas: readonly Pick<DeltaRecord, "sequence">[];
}

/** One sentence for each invariant that is broken; empty when all hold. */
export function brokenInvariants(rows: RunRows): readonly string[] {
  return [
    ...runProblems(rows),
    ...itemProblems(rows),
    ...deltaProblems(rows),
    ...rows.groups.flatMap((group) => groupProblems(rows, group)),
  ];
}

function runProblems({ run, items }: RunRows): readonly string[] {
  const open = items.filter((item) => isOpenItem(item.status)).length;
  const counts: readonly [string, number, number][] = [
    ["open", run.open, open],
    ["parked", run.parked, count(items, "waiting")],
    ["held", run.held, count(items, "held")],
    ["completed", run.completed, count(items, "completed")],
    ["failed", run.failed, count(items, "failed") + count(items, "permanently_failed")],
    ["items", run.items, items.length],
  ];
  const wrong = counts.filter(([, told, counted]) => told !== counted);
  const ended = isTerminalRun(run.status);
  return [
    ...wrong.map(([name, told, counted]) => `I8: the run says ${name} is ${told}, but it is ${counted}`),
    ...(ended === (run.finishedAt !== undefined)
      ? []
      : [`I1: the run is ${run.status}, but its end is ${run.finishedAt}`]),
    ...(ended && run.generation === 0 ? ["I6: the run is closed in generation 0"] : []),
    ...((run.status === "running" || run.status === "waiting") && settled(run, run.statusAt) !== run
      ? [`I21: the run is ${run.status}, but ${run.parked} of ${run.open} open items are parked`]
      : []),
    ...(!ended && run.open === 0 ? ["I1: the run is open, but nothing of it is"] : []),
  ];
}

function itemProblems({ run, items }: RunRows): readonly string[] {
  return items.flatMap((item, at) => {
    const problems: string[] = [];
    if (item.item !== at) problems.push(`item ${item.item} is the ${at}th of its run`);
    if (item.commit > run.commits)
      problems.push(`I2: item ${item.item} ended with a commit that the run does not know`);
    if (
      item.status === "in_progress" &&
      (item.session === undefined || item.timeoutAt === undefined || item.epoch === 0)
    ) {
      problems.push(`I5: item ${item.item} is in progress without a lease`);
    }
    if ((item.status === "waiting") !== (item.wait !== undefined && item.wait.over === undefined)) {
      problems.push(`I21: item ${item.item} is ${item.status}, but its wait ${item.wait?.over ?? "goes on"}`);
    }
    if (item.status === "waiting" && item.wait?.number !== item.epoch) {
      problems.push(`I21: item ${item.item} is at epoch ${item.epoch} in a wait of ${item.wait?.number}`);
    }
    if (item.status !== "in_progress" && item.timeoutAt !== undefined) {
      problems.push(`item ${item.item} is ${item.status}, but has a timeout`);
    }
    return problems;
  });
}

function deltaProblems({ run, deltas }: RunRows): readonly string[] {
  const dense = deltas.every(({ sequence }, at) => sequence === at + 1) && deltas.length === run.sequence;
  const ahead = run.fieldSequences.some((sequence) => sequence > run.sequence);
  return [
    ...(dense ? [] : [`I3: the sequences of the deltas are not 1 to ${run.sequence}`]),
    ...(ahead ? ["I10: a field was written by a delta that there is not"] : []),
  ];
}

function groupProblems(rows: RunRows, group: BranchGroup): readonly string[] {
  const name = `group ${group.group}`;
  const problems: string[] = [];
  const members = membersOf(rows, group);
  if (group.open !== members) problems.push(`I8: ${name} says ${group.open} members are open, but it is ${members}`);
  if (!group.done && members === 0) problems.push(`I9: ${name} has no open member, but has not fired`);
  const fired = rows.items.filter((item) => item.joins === group.group);
  const expected = group.done ? firingJoins(group).map(({ node }) => node) : [];
  if (
    fired
      .map((item) => item.node)
      .sort()
      .join() !== [...expected].sort().join()
  ) {
    problems.push(
      `I9: ${name} should have fired [${expected.join()}], but fired [${fired.map((item) => item.node).join()}]`,
    );
  }
  if (fired.some((item) => item.group !== group.parent))
    problems.push(`I9: ${name} fired into a group that is not its parent`);
  const depth = rows.groups.find(({ group: number }) => number === group.parent)?.depth ?? 0;
  if (group.depth !== depth + 1) problems.push(`${name} lies at depth ${group.depth} inside one at depth ${depth}`);
  for (const { node } of group.joins) {
    const arrived = rows.arrivals.filter((arrival) => arrival.group === group.group && arrival.join === node).length;
    if (arrivalsAt(group, node) !== arrived)
      problems.push(`I2: ${name} counts ${arrivalsAt(group, node)} arrivals at ${node} of ${arrived}`);
  }
  return problems;
}

/** Failing for good leaves an item a member, so that a resume finds its group as it was. A group that has fired counts none. */
function membersOf({ items, groups }: RunRows, group: BranchGroup): number {
  if (group.done) return 0;
  const inside = items.filter(
    (item) => item.group === group.group && (isOpenItem(item.status) || item.status === "permanently_failed"),
  );
  return inside.length + groups.filter((child) => child.parent === group.group && !child.done).length;
}

function count(items: readonly WorkItem[], status: WorkItemStatus): number {
  return items.filter((item) => item.status === status).length;
}
