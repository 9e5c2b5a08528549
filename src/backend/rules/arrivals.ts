/** How many values each join of a group has. Asks for own properties alone: a node may be named `constructor`. */

import type { BranchGroup } from "../contract/work-item.ts";

export function arrivalsAt({ arrived }: Pick<BranchGroup, "arrived">, join: string): number {
  return Object.hasOwn(arrived, join) ? (arrived[join] ?? 0) : 0;
}
