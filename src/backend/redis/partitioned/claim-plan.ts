/**
 * How many items a claim takes from which partition, so that together they are those that a claim over all of them would
 * take: the first by rank, but for those that are left to another session for a moment. The partitions choose by the
 * same rule among theirs, so numbers are enough.
 */

import { LIMITS } from "../../../core/limits.ts";
import type { Claim } from "../../contract/claim.ts";
import { isReservedForOther } from "../../rules/reservation.ts";
import { CLAIM_OVERSCAN } from "../../synchronous/claim.ts";
import { readItem } from "../item-row.ts";
import { fromItemMember, keyText, RUN_FIELDS } from "../keys.ts";
import type { Partition } from "../partition.ts";
import type { RankedItem, Survey } from "../peek.ts";
import { listOf, numberOf, optionalBytes } from "../reply.ts";
import { readState } from "../run-row.ts";

/** Items to take from one partition. */
export interface Share {
  readonly ready: number;
  readonly stalled: number;
}

export interface Surveyed {
  readonly partition: Partition;
  readonly survey: Survey;
}

interface Candidate extends RankedItem {
  /** Position of its partition. */
  readonly at: number;
}

/** A share for each of the surveyed partitions. */
export async function shareOut(
  surveyed: readonly Surveyed[],
  session: string,
  claim: Claim,
): Promise<readonly Share[]> {
  const wanted = Math.max(0, Math.min(claim.limit, LIMITS.claimItems));
  const stalled = candidatesIn(surveyed, ({ stalled: items }) => items);
  const chosenStalled = await choose(stalled, Math.min(claim.stalledLimit, wanted), surveyed, session);
  const ready = candidatesIn(surveyed, ({ ready: items }) => items);
  const chosenReady = await choose(ready, wanted - chosenStalled.length, surveyed, session);
  return surveyed.map((_, at) => ({
    ready: chosenReady.filter((candidate) => candidate.at === at).length,
    stalled: chosenStalled.filter((candidate) => candidate.at === at).length,
  }));
}

function candidatesIn(
  surveyed: readonly Surveyed[],
  itemsOf: (survey: Survey) => readonly RankedItem[],
): readonly Candidate[] {
  return surveyed
    .flatMap(({ survey }, at) => itemsOf(survey).map((item) => ({ ...item, at })))
    .sort((a, b) => a.score - b.score || (a.member < b.member ? -1 : 1));
}

async function choose(
  candidates: readonly Candidate[],
  wanted: number,
  surveyed: readonly Surveyed[],
  session: string,
): Promise<readonly Candidate[]> {
  if (candidates.length <= wanted || wanted <= 0) return candidates.slice(0, Math.max(0, wanted));
  const window = candidates.slice(0, wanted + CLAIM_OVERSCAN);
  const isReserved = await reservedOf(window, surveyed, session);
  const open = window.filter((candidate) => !isReserved.has(candidate));
  const reserved = window.filter((candidate) => isReserved.has(candidate));
  return [...open, ...reserved].slice(0, wanted);
}

/** Those that are left to another session, as far as can be told from here. */
async function reservedOf(
  window: readonly Candidate[],
  surveyed: readonly Surveyed[],
  session: string,
): Promise<ReadonlySet<Candidate>> {
  const parts = await Promise.all(
    surveyed.map(async ({ partition, survey }, at) => {
      const own = window.filter((candidate) => candidate.at === at);
      return own.length === 0 ? [] : await reservedIn(partition, own, session, survey.now);
    }),
  );
  return new Set(parts.flat());
}

async function reservedIn(
  { reads, keys }: Partition,
  candidates: readonly Candidate[],
  session: string,
  now: number,
): Promise<readonly Candidate[]> {
  const places = candidates.map(({ member }) => fromItemMember(member));
  const rows = await reads.all(
    places.map(({ runId, item }) => ["HMGET", keys.run(runId), RUN_FIELDS.state, RUN_FIELDS.item(item)]),
  );
  const read = candidates.flatMap((candidate, at) => {
    const [state, row] = listOf(rows[at]).map(optionalBytes);
    const { runId, item } = places[at] ?? { runId: "", item: 0 };
    if (state === undefined || row === undefined) return [];
    return { candidate, run: readState(runId, state), item: readItem(runId, item, row).item };
  });
  const sessions = [...new Set(read.flatMap(({ run }) => run.affinity ?? []))];
  const leases = await reads.all(sessions.map((id) => ["ZSCORE", keys.leases, keyText(id)]));
  const alive = new Set(sessions.filter((_, at) => leases[at] !== null && numberOf(leases[at] ?? 0) > now));
  return read
    .filter(({ run, item }) => isReservedForOther(item, run, session, (id) => alive.has(id), now))
    .map(({ candidate }) => candidate);
}
