/**
 * Counts again what a backend counts as it goes, and looks for what may never happen between two dumps. Numbers of
 * invariants are those of ARCHITECTURE.md. Items of closed runs read as cancelled, so those count as open by their row.
 */

import type { BranchGroup, WorkItem } from "../../../src/backend/contract/work-item.ts";
import { isOpenItem, isTerminalRun } from "../../../src/core/status.ts";
import type { RunDump } from "../../../src/testing/conformance/dump.ts";
import { check, equal } from "../../../src/testing/conformance/expectation.ts";

/** Fails on the first count that is wrong. */
export function recount(runs: readonly RunDump[]): void {
  for (const dump of runs) {
    recountRun(dump);
    for (const group of dump.groups) recountGroup(dump, group);
  }
}

/** Fails on the first thing that fell, or that changed although it had ended. */
export function compareInTime(before: readonly RunDump[], after: readonly RunDump[]): void {
  const known = new Map(before.map((dump) => [dump.run.id, dump]));
  for (const dump of after) {
    const earlier = known.get(dump.run.id);
    if (earlier !== undefined) compareRun(earlier, dump);
  }
}

function recountRun({ run, items, deltas, failures }: RunDump): void {
  const what = `of run ${run.id}`;
  const open = items.filter(isOpenByRow);
  equal([run.items, run.open], [items.length, open.length], `I8: items and open items ${what}`);
  const status = (...statuses: readonly WorkItem["status"][]): number =>
    items.filter((item) => statuses.includes(item.status)).length;
  equal(
    [run.held, run.completed, run.failed],
    [status("held"), status("completed"), status("failed", "permanently_failed")],
    `held, completed and failed ${what}`,
  );
  equal(
    items.map(({ item }) => item),
    items.map((_, at) => at),
    `numbers of items ${what}`,
  );
  equal(
    deltas.map(({ sequence }) => sequence),
    Array.from({ length: run.sequence }, (_, at) => at + 1),
    `I3: sequences ${what}`,
  );
  equal(isTerminalRun(run.status), run.finishedAt !== undefined, `whether ${run.id} has ended`);
  check(isTerminalRun(run.status) || run.open > 0, `I1: something is open ${what}, which is ${run.status}`);
  equal(run.retried, failures.filter(({ outcome }) => outcome === "retried").length, `I19: retried attempts ${what}`);
  check(
    items.every(({ commit }) => commit <= run.commits),
    `no item ${what} was changed by a later commit than its last`,
  );
}

function recountGroup({ items, groups, arrivals }: RunDump, group: BranchGroup): void {
  const what = `of group ${group.runId}.${group.group}`;
  if (!group.done) {
    const members = items.filter(
      (item) => item.group === group.group && (isOpenByRow(item) || item.status === "permanently_failed"),
    );
    const inner = groups.filter(({ parent, done }) => parent === group.group && !done);
    equal(group.open, members.length + inner.length, `I8: open members ${what}`);
    check(group.open > 0, `I9: the open group has something open ${what}`);
  }
  const counted = group.joins.map(
    ({ node }) => arrivals.filter((one) => one.group === group.group && one.join === node).length,
  );
  equal(
    group.joins.map(({ node }) => group.arrived[node] ?? 0),
    counted,
    `arrivals ${what}`,
  );
  const reached = group.joins.filter((_, at) => (counted[at] ?? 0) > 0);
  const firing = group.done ? (reached.length > 0 ? reached : group.joins) : [];
  const fired = items.filter(({ kind, joins }) => kind === "join" && joins === group.group);
  equal(
    fired.map(({ node, group: parent }) => [node, parent]),
    firing.map(({ node }) => [node, group.parent]),
    `I9: joins that fired ${what}`,
  );
}

function compareRun(before: RunDump, after: RunDump): void {
  const what = `of run ${after.run.id}`;
  const never = [
    before.run.generation <= after.run.generation,
    before.run.sequence <= after.run.sequence,
    before.run.commits <= after.run.commits,
  ];
  equal(never, [true, true, true], `I6: generation, sequence and commits ${what} never fall`);
  equal(after.deltas.slice(0, before.deltas.length), before.deltas, `deltas ${what} that were there`);
  for (const [at, item] of before.items.entries()) {
    const later = after.items[at];
    check(later !== undefined && later.epoch >= item.epoch, `I6: the epoch of item ${at} ${what} never falls`);
    if (item.status === "completed" || item.status === "failed")
      equal(later, item, `I18: the finished item ${at} ${what}`);
  }
  const wasOver = isTerminalRun(before.run.status) && before.run.status === "completed";
  if (wasOver) equal(after.run, before.run, `I7: the completed run ${after.run.id}`);
}

function isOpenByRow({ status }: WorkItem): boolean {
  return isOpenItem(status) || status === "cancelled";
}
