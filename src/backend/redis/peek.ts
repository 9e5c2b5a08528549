/** A look at what a claim would find in a partition, in one call that changes nothing. */

import type { Claim, Peek } from "../contract/claim.ts";
import { isClaimableRun } from "../rules/due.ts";
import { RUN_STATUS } from "../sql/stored-code.ts";
import { dueLater } from "../synchronous/commit-and-claim.ts";
import { keyText, reserverOf } from "./keys.ts";
import type { Partition } from "./partition.ts";
import { listOf, numberOf, type Reply, textOf } from "./reply.ts";

/** What there is for a claim, and besides. */
export interface Survey {
  readonly now: number;
  /** Something is due that a claim, or any other request, would bring on. */
  readonly isDue: boolean;
  /** There are items that the claim may take. */
  readonly hasItems: boolean;
  readonly nextDueAt: number | undefined;
  readonly letters: number;
  /** Items that the session has in progress there. */
  readonly held: number;
  /** Where items are listed: the first of each lane, with their ranks. */
  readonly ready: readonly RankedItem[];
  readonly stalled: readonly RankedItem[];
}

export interface RankedItem {
  readonly member: string;
  readonly score: number;
  /** False where its run is paused or closed, or gone: it only lies in the way. */
  readonly isClaimable: boolean;
}

/** `most`: items that are of interest, ready ones and those that have stalled. `session`: for whom to list them, if at all. */
export async function survey(
  partition: Partition,
  claim: Pick<Claim, "queues" | "definitions" | "labels" | "graceMs"> | undefined,
  most: { readonly ready: number; readonly stalled: number; readonly session: string | undefined },
): Promise<Survey> {
  const { lanes } = partition;
  for (;;) {
    const known = lanes.count;
    const selected = claim === undefined || most.ready === 0 ? [] : lanes.selected(claim);
    const counts = [String(most.ready), String(most.stalled)];
    const asking = most.session === undefined ? ["", ""] : [reserverOf(most.session), keyText(most.session)];
    const grace = String(claim?.graceMs ?? 0);
    const reply = listOf(
      await partition.script("peek", [partition.instant(), grace, ...counts, ...asking, ...selected]),
    );
    const [now, stored, isDue, hasItems, due, letters, held, ready, stalled] = reply;
    if (numberOf(stored) > known) {
      await partition.learnLanes();
      continue;
    }
    return {
      now: numberOf(now),
      isDue: numberOf(isDue) === 1,
      hasItems: numberOf(hasItems) === 1,
      nextDueAt: textOf(due) === "" ? undefined : numberOf(due),
      letters: numberOf(letters),
      held: numberOf(held),
      ready: rankedOf(ready),
      stalled: rankedOf(stalled),
    };
  }
}

function rankedOf(reply: Reply): readonly RankedItem[] {
  const list = listOf(reply);
  const items: RankedItem[] = [];
  for (let at = 0; at + 2 < list.length; at += 3) {
    const status = textOf(list[at + 2]);
    const isClaimable = status !== "" && isClaimableRun(RUN_STATUS.decode(Number(status)));
    items.push({ member: textOf(list[at]), score: numberOf(list[at + 1]), isClaimable });
  }
  return items;
}

export async function peekInto(partition: Partition, claim: Claim): Promise<Peek> {
  const most = { ready: Math.min(1, claim.limit), stalled: Math.min(1, claim.stalledLimit), session: undefined };
  const { now, isDue, hasItems, nextDueAt } = await survey(partition, claim, most);
  if (isDue || hasItems) return { now, ready: true, nextDueAt: now };
  return { now, ready: false, nextDueAt: dueLater(nextDueAt, now) };
}
