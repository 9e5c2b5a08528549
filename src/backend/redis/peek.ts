/** A look at what a claim would find in a partition, in one call that changes nothing. */

import type { Claim, Peek } from "../contract/claim.ts";
import { dueLater } from "../synchronous/commit-and-claim.ts";
import type { Partition } from "./partition.ts";
import { listOf, numberOf, textOf } from "./reply.ts";

export async function peekInto(partition: Partition, claim: Claim): Promise<Peek> {
  const { lanes } = partition;
  for (;;) {
    const selected = claim.limit < 1 ? [] : lanes.selected(claim);
    const known = lanes.count;
    const counts = [claim.limit > 0, claim.stalledLimit > 0].map((count) => (count ? "1" : "0"));
    const args = [partition.instant(), String(claim.graceMs), ...counts, ...selected];
    const [instant, stored, ready, due] = listOf(await partition.script("peek", args));
    if (numberOf(stored) > known) {
      await partition.learnLanes();
      continue;
    }
    const now = numberOf(instant);
    const next = textOf(due);
    if (numberOf(ready) === 1) return { now, ready: true, nextDueAt: now };
    return { now, ready: false, nextDueAt: dueLater(next === "" ? undefined : numberOf(next), now) };
  }
}
