/**
 * One request of a session over several partitions. First its commits are applied and what is due is brought on, in all
 * partitions that this is about; then it is worked out which of them to claim how many items from; then those are claimed. In
 * each partition both are requests of the session with numbers of their own, so that whatever is sent again is answered as it was.
 */

import { isMillraceError, MillraceError } from "../../../core/errors.ts";
import { LIMITS } from "../../../core/limits.ts";
import type { Claim, ClaimedItem, CommitAndClaim, CommitAndClaimAnswer } from "../../contract/claim.ts";
import type { Commit, CommitAnswer } from "../../contract/commit.ts";
import type { BackendOperations } from "../../contract/operations.ts";
import { rankOf } from "../../rules/due.ts";
import { CLAIM_OVERSCAN } from "../../synchronous/claim.ts";
import { dueLater, requestDigest } from "../../synchronous/commit-and-claim.ts";
import type { PartitionMap } from "../partition-map.ts";
import { type Survey, survey } from "../peek.ts";
import { chooseFrom, misfitsIn, reserveChoice, type Share } from "./claim-plan.ts";
import { type RequestRecord, RequestRecords } from "./request-records.ts";

/** Looks for more where others were faster with what was chosen. */
const MOST_PLANS = 10;

export interface RequestPorts {
  readonly map: PartitionMap;
  /** Operations of each partition, by number. */
  readonly parts: readonly Pick<BackendOperations, "commitAndClaim">[];
  /** Puts items of a partition that lie ready, and cannot be claimed, where they belong. */
  readonly settle: (
    partition: number,
    items: readonly { readonly runId: string; readonly item: number }[],
  ) => Promise<void>;
  /** Told of partitions that have letters to be carried. */
  readonly lettersIn: (partition: number) => void;
  /** Resolves when letters that are on their way have arrived. */
  readonly lettersArrived: () => Promise<void>;
}

export async function commitAndClaimOver(
  request: CommitAndClaim,
  { map, parts, settle, lettersIn, lettersArrived }: RequestPorts,
): Promise<CommitAndClaimAnswer> {
  const home = map.numberOf(request.session);
  const records = new RequestRecords(map.at(home), request.session);
  const [{ record, stored }, surveys] = await Promise.all([records.of(request), surveyAll(map, request)]);
  for (const [number, { letters }] of surveys.entries()) if (letters > 0) lettersIn(number);
  const instants = new Map<number, number | undefined>();
  const send = async (number: number, part: Omit<CommitAndClaim, "session">): Promise<CommitAndClaimAnswer> => {
    const operations = parts[number];
    if (operations === undefined) throw new MillraceError("INTERNAL", `there is no partition ${number}`);
    const answer = await operations.commitAndClaim({ session: request.session, ...part });
    instants.set(number, answer.nextDueAt);
    return answer;
  };
  const done =
    record ?? (await commitOnce({ request, map, home, records, stored, surveys, send, settle, lettersArrived }));
  // A request that is sent again extends the session's leases, too, and is refused if it has signed off.
  if (record !== undefined && !isClaimedFrom(record, home)) await send(home, firstPart(request, map, home));
  const items = await claimShares(request, done, send);
  const later = surveys.map(({ nextDueAt, now }, at) =>
    instants.has(at) ? instants.get(at) : dueLater(nextDueAt, now),
  );
  const known = later.filter((at) => at !== undefined);
  return {
    answers: done.answers,
    items,
    now: done.now,
    nextDueAt: known.length === 0 ? undefined : Math.min(...known),
  };
}

function surveyAll(map: PartitionMap, { claim, session }: CommitAndClaim): Promise<readonly Survey[]> {
  const wanted = claim === undefined ? 0 : Math.min(claim.limit, LIMITS.claimItems);
  const most = {
    ready: wanted === 0 ? 0 : wanted + CLAIM_OVERSCAN,
    stalled: wanted === 0 ? 0 : Math.min(wanted, claim?.stalledLimit ?? 0),
    session,
  };
  return Promise.all(map.all.map((partition) => survey(partition, claim, most)));
}

interface First {
  readonly request: CommitAndClaim;
  readonly map: PartitionMap;
  readonly home: number;
  readonly records: RequestRecords;
  readonly stored: string;
  readonly surveys: readonly Survey[];
  readonly settle: RequestPorts["settle"];
  readonly lettersArrived: () => Promise<void>;
  readonly send: (partition: number, part: Omit<CommitAndClaim, "session">) => Promise<CommitAndClaimAnswer>;
}

/** The same request may have been sent twice at once, and the other be further already. */
async function commitOnce(first: First): Promise<RequestRecord> {
  try {
    return await commitFirst(first);
  } catch (error) {
    const { record } = isMillraceError(error, "COMMIT_CONFLICT") ? await first.records.of(first.request) : {};
    if (record === undefined) throw error;
    return record;
  }
}

/** Applies the commits, brings on what is due, and keeps what came of it with how many items are to be claimed. */
async function commitFirst(first: First): Promise<RequestRecord> {
  const { request, map, home, records, stored, surveys, send, settle, lettersArrived } = first;
  const { claim } = request;
  const split = splitCommits(request.commits, map);
  const parts = (at: number): readonly Placed[] => split.get(at) ?? [];
  const due = surveys.flatMap(({ isDue }, at) => (isDue ? at : []));
  // Any request extends the session's leases.
  const held = surveys.flatMap((survey, at) => (survey.held > 0 ? at : []));
  const touched = [...new Set([home, ...split.keys(), ...due, ...held])];
  const answered = await Promise.all(
    touched.map(async (at) => {
      const answer = await send(at, firstOf(request, parts(at)));
      return { at, answer, places: parts(at).map(({ place }) => place) };
    }),
  );
  const answers: CommitAnswer[] = [];
  for (const { answer, places } of answered) {
    for (const [at, place] of places.entries()) {
      const one = answer.answers[at];
      if (one !== undefined) answers[place] = one;
    }
  }
  const now = answered.find(({ at }) => at === home)?.answer.now ?? 0;
  await lettersArrived();
  const isNew = due.length > 0 || split.size > 0;
  const current = isNew && claim !== undefined ? await surveyAll(map, request) : surveys;
  const shares = claim === undefined ? [] : await planned(request, claim, current, { map, settle });
  const record = { request: request.request, digest: requestDigest(request), answers, now, shares };
  return await records.keep(record, stored, request);
}

/** What is sent to a partition first. No item yet: which ones there are is known only afterwards. */
function firstOf({ request, claim }: CommitAndClaim, commits: readonly Placed[]): Omit<CommitAndClaim, "session"> {
  const sweep = claim && { ...claim, limit: 0, stalledLimit: 0 };
  return { request: request * 2 - 1, commits: commits.map(({ commit }) => commit), claim: sweep };
}

function firstPart(request: CommitAndClaim, map: PartitionMap, at: number): Omit<CommitAndClaim, "session"> {
  return firstOf(request, splitCommits(request.commits, map).get(at) ?? []);
}

function isClaimedFrom({ shares }: RequestRecord, at: number): boolean {
  const { ready = 0, stalled = 0 } = shares[at] ?? {};
  return ready + stalled > 0;
}

/** How many items to claim from which partition; those are reserved by now. */
async function planned(
  request: CommitAndClaim,
  claim: Claim,
  surveys: readonly Survey[],
  { map, settle }: Pick<RequestPorts, "map" | "settle">,
): Promise<readonly Share[]> {
  for (let tries = 1, current = surveys; ; tries += 1) {
    const misfits = current.map(misfitsIn);
    if (misfits.some((items) => items.length > 0) && tries < MOST_PLANS) {
      await Promise.all(misfits.map((items, at) => (items.length > 0 ? settle(at, items) : undefined)));
      current = await surveyAll(map, request);
      continue;
    }
    const surveyed = map.all.flatMap((partition, at) => {
      const one = current[at];
      return one === undefined ? [] : { partition, survey: one };
    });
    const choices = await chooseFrom(surveyed, request.session, claim);
    const { shares, isComplete } = await reserveChoice(surveyed, choices, request.session);
    if (isComplete || tries === MOST_PLANS) return shares;
    current = await surveyAll(map, request);
  }
}

interface Placed {
  readonly commit: Commit;
  /** In the whole request. */
  readonly place: number;
}

/** Commits by partition, in their order; those that one builds on are of the same run, and so of the same partition. */
function splitCommits(commits: readonly Commit[], map: PartitionMap): ReadonlyMap<number, readonly Placed[]> {
  const split = new Map<number, Placed[]>();
  const places: number[] = [];
  for (const [place, commit] of commits.entries()) {
    const number = map.numberOf(commit.runId);
    const part = split.get(number) ?? [];
    split.set(number, part);
    places[place] = part.length;
    part.push({ commit: { ...commit, after: commit.after.map((at) => places[at] ?? 0) }, place });
  }
  return split;
}

async function claimShares(
  { request, claim }: CommitAndClaim,
  { shares }: RequestRecord,
  send: First["send"],
): Promise<readonly ClaimedItem[]> {
  if (claim === undefined) return [];
  const answers = await Promise.all(
    shares.map(async ({ ready, stalled }, at) => {
      if (ready + stalled === 0) return [];
      const share = { ...claim, limit: ready + stalled, stalledLimit: stalled };
      return (await send(at, { request: request * 2, commits: [], claim: share })).items;
    }),
  );
  return answers.flat().sort(inClaimOrder);
}

/** Those that have stalled come first, then by rank. */
function inClaimOrder(a: ClaimedItem, b: ClaimedItem): number {
  const [stalledA, stalledB] = [a, b].map(({ item }) => (item.stalls > 0 ? 0 : 1));
  return (
    (stalledA ?? 0) - (stalledB ?? 0) ||
    rankOf(a.item) - rankOf(b.item) ||
    (a.item.runId === b.item.runId ? a.item.item - b.item.item : a.item.runId < b.item.runId ? -1 : 1)
  );
}
