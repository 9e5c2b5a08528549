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
import { fromItemMember, keyText, RUN_FIELDS, reserverOf } from "../keys.ts";
import type { Partition } from "../partition.ts";
import type { RankedItem, Survey } from "../peek.ts";
import { listOf, numberOf, optionalBytes } from "../reply.ts";
import { readState } from "../run-row.ts";

/** How long others leave to a request what it is about to claim. */
const RESERVED_MS = 500;

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

/** What is chosen from each of the surveyed partitions, if others do not have it already. */
export interface Choice {
  readonly stalled: readonly string[];
  readonly ready: readonly string[];
}

export async function chooseFrom(
  surveyed: readonly Surveyed[],
  session: string,
  claim: Claim,
): Promise<readonly Choice[]> {
  const wanted = Math.max(0, Math.min(claim.limit, LIMITS.claimItems));
  const stalled = candidatesIn(surveyed, ({ stalled: items }) => items);
  const chosenStalled = await choose(stalled, Math.min(claim.stalledLimit, wanted), surveyed, session);
  const ready = candidatesIn(surveyed, ({ ready: items }) => items);
  const chosenReady = await choose(ready, wanted - chosenStalled.length, surveyed, session);
  const membersAt = (chosen: readonly Candidate[], at: number): readonly string[] =>
    chosen.filter((candidate) => candidate.at === at).map(({ member }) => member);
  return surveyed.map((_, at) => ({ ready: membersAt(chosenReady, at), stalled: membersAt(chosenStalled, at) }));
}

/** Items of one survey that lie in the way of claims. */
export function misfitsIn({ ready, stalled }: Survey): readonly ReturnType<typeof fromItemMember>[] {
  return [...ready, ...stalled].filter(({ isClaimable }) => !isClaimable).map(({ member }) => fromItemMember(member));
}

/** Reserves what was chosen; what of it is had now, and whether that is all. */
export async function reserveChoice(
  surveyed: readonly Surveyed[],
  choices: readonly Choice[],
  session: string,
): Promise<{ readonly shares: readonly Share[]; readonly isComplete: boolean }> {
  const shares = await Promise.all(
    surveyed.map(async ({ partition }, at) => {
      const { ready = [], stalled = [] } = choices[at] ?? {};
      const members = [...stalled, ...ready];
      if (members.length === 0) return { ready: 0, stalled: 0 };
      const args = [reserverOf(session), String(RESERVED_MS), ...members];
      const had = listOf(await partition.script("reserve", args)).map(numberOf);
      const count = (part: readonly number[]): number => part.filter((one) => one === 1).length;
      return { stalled: count(had.slice(0, stalled.length)), ready: count(had.slice(stalled.length)) };
    }),
  );
  const chosen = choices.reduce((sum, { ready, stalled }) => sum + ready.length + stalled.length, 0);
  const had = shares.reduce((sum, { ready, stalled }) => sum + ready + stalled, 0);
  return { shares, isComplete: had === chosen };
}

function candidatesIn(
  surveyed: readonly Surveyed[],
  itemsOf: (survey: Survey) => readonly RankedItem[],
): readonly Candidate[] {
  return surveyed
    .flatMap(({ survey }, at) => itemsOf(survey).map((item) => ({ ...item, at })))
    .filter(({ isClaimable }) => isClaimable)
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
