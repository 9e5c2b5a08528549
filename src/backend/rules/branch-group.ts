/** How many branches of a group have reached a join, and which of its joins fire when its last member has ended. */

import type { BranchGroup, JoinTemplate } from "../contract/work-item.ts";

/** Asks for own properties only: a join may be called `constructor`. */
export function arrivalsAt({ arrived }: Pick<BranchGroup, "arrived">, join: string): number {
  return Object.hasOwn(arrived, join) ? (arrived[join] ?? 0) : 0;
}

/** Each join that something reached; all of them when nothing reached any. */
export function firingJoins(group: BranchGroup): readonly JoinTemplate[] {
  const reached = group.joins.filter((join) => arrivalsAt(group, join.node) > 0);
  return reached.length > 0 ? reached : group.joins;
}
