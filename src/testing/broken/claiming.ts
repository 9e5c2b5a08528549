/** Backends whose fault is in what a claim hands out: to whom, when, in which order, and with which words. */

import type { ClaimedItem, CommitAndClaim, CommitAndClaimAnswer } from "../../backend/contract/claim.ts";
import type { NewItem } from "../../backend/contract/commit.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import { type BrokenBackend, broken, changingCommits } from "./broken-backend.ts";

type ChangeItems = (items: readonly ClaimedItem[], request: CommitAndClaim) => readonly ClaimedItem[];

/** The operations with the items of each claim changed on the way out. */
function changingClaims(honest: BackendOperations, change: ChangeItems): Partial<BackendOperations> {
  return {
    async commitAndClaim(request): Promise<CommitAndClaimAnswer> {
      const answer = await honest.commitAndClaim(request);
      return request.claim === undefined ? answer : { ...answer, items: change(answer.items, request) };
    },
  };
}

/** The operations with every new item changed on the way in. */
function changingItems(honest: BackendOperations, change: (item: NewItem) => NewItem): Partial<BackendOperations> {
  return {
    startRuns: (starts) => honest.startRuns(starts.map((start) => ({ ...start, first: change(start.first) }))),
    ...changingCommits(honest, (commit) => {
      const { outcome } = commit;
      if (outcome.kind !== "emit" && outcome.kind !== "failOver") return commit;
      return { ...commit, outcome: { ...outcome, items: outcome.items.map(change) } };
    }),
  };
}

function idOf({ item }: ClaimedItem): string {
  return `${item.runId}.${item.item}`;
}

const claimsTwice = broken("claims twice", "An item is handed to one session only", (honest) => {
  const handed = new Map<string, ClaimedItem>();
  return changingClaims(honest, (items, request) => {
    for (const { runId, item } of request.commits) handed.delete(`${runId}.${item}`);
    const again = [...handed.values()].filter(({ item }) => item.session !== request.session);
    for (const item of items) handed.set(idOf(item), item);
    return [...items, ...again];
  });
});

const neverExpires = broken("never expires a lease", "An expired lease is taken over at the next epoch", (honest) => {
  const sessions = new Set<string>();
  return {
    openSession(session) {
      sessions.add(session.id);
      return honest.openSession(session);
    },
    async commitAndClaim(request) {
      for (const session of sessions) await honest.renew({ session });
      return await honest.commitAndClaim(request);
    },
  };
});

const promotesEarly = broken("promotes timers early", "A delayed item is not claimed a millisecond early", (honest) =>
  changingItems(honest, (item) => ({ ...item, delayMs: Math.max(0, item.delayMs - 1) })),
);

const forgetsPriority = broken("forgets the priority", "A higher priority is handed out first", (honest) =>
  changingItems(honest, (item) => ({ ...item, priority: 0 })),
);

const forgetsLanes = broken("forgets the lanes", "A claim takes from the named queues only", (honest) =>
  changingItems(honest, (item) => ({ ...item, queue: "default" })),
);

const ignoresLimit = broken("ignores the limit", "A claim hands out no more than its limit", (honest) => ({
  commitAndClaim: ({ claim, ...request }) =>
    honest.commitAndClaim({ ...request, claim: claim && { ...claim, limit: claim.limit + 1 } }),
}));

const forgetsReason = broken(
  "forgets why it hands out",
  "An attempt whose timeout is due is handed out for its failure path",
  (honest) => changingClaims(honest, (items) => items.map((item) => ({ ...item, reason: "ready" }))),
);

const countsSignOffs = broken("counts stalls at a sign-off", "Signing off counts no stall", (honest) => {
  const held = new Map<string, string>();
  const left = new Map<string, number>();
  return {
    ...changingClaims(honest, (items, { session }) => {
      for (const item of items) held.set(idOf(item), session);
      return items.map((claimed) => ({
        ...claimed,
        item: { ...claimed.item, stalls: claimed.item.stalls + (left.get(idOf(claimed)) ?? 0) },
      }));
    }),
    async closeSession(session) {
      for (const [item, holder] of held) if (holder === session) left.set(item, (left.get(item) ?? 0) + 1);
      await honest.closeSession(session);
    },
  };
});

const countsNoStalls = broken(
  "counts no stalls",
  "After as many stalls as a claim allows, the item is handed out as stalled",
  (honest) => ({
    commitAndClaim: ({ claim, ...request }) =>
      honest.commitAndClaim({ ...request, claim: claim && { ...claim, maxStalls: Number.MAX_SAFE_INTEGER } }),
  }),
);

const claimsPaused = broken(
  "claims of paused runs",
  "Nothing of a paused run is claimed, and all of it once it is resumed",
  (honest) => {
    const paused = new Set<string>();
    const all = (kind: "pause" | "resume") => honest.control([...paused].map((runId) => ({ action: { kind, runId } })));
    return {
      async control(requests) {
        const outcomes = await honest.control(requests);
        for (const { action } of requests) {
          if (action.kind === "pause") paused.add(action.runId);
          else paused.delete(action.runId);
        }
        return outcomes;
      },
      async commitAndClaim(request) {
        await all("resume");
        const answer = await honest.commitAndClaim(request);
        await all("pause");
        return answer;
      },
    };
  },
);

const runsFinishedAgain = broken(
  "runs finished items again after a resume",
  "Resuming a cancelled run re-opens what was open, and nothing that finished",
  (honest) => {
    const finished = new Map<string, ClaimedItem>();
    const again: ClaimedItem[] = [];
    return {
      ...changingClaims(honest, (items) => {
        for (const item of items) finished.set(idOf(item), item);
        return [...again.splice(0), ...items];
      }),
      async control(requests) {
        const outcomes = await honest.control(requests);
        for (const { action } of requests) {
          if (action.kind !== "resume") continue;
          for (const claimed of finished.values()) {
            const item = await honest.read.item(claimed.item.runId, claimed.item.item);
            if (item?.runId === action.runId && item.status === "completed") again.push(claimed);
          }
        }
        return outcomes;
      },
    };
  },
);

const forgetsMemos = broken("forgets memos", "A memo is handed to every later attempt of its item", (honest) =>
  changingClaims(honest, (items) => items.map((item) => ({ ...item, memos: new Map() }))),
);

const hidesDue = broken(
  "forgets when something is due",
  "An answer says when something will be claimable by time alone",
  (honest) => ({
    commitAndClaim: async (request) => ({ ...(await honest.commitAndClaim(request)), nextDueAt: undefined }),
  }),
);

const overlooksWork = broken(
  "overlooks what is due",
  "A peek sees that a session has vanished, once its lease and the grace are over",
  (honest) => {
    const { peek } = honest;
    if (peek === undefined) return {};
    return {
      async peek(claim) {
        const seen = await peek(claim);
        const isAnyOver = (await honest.read.sessions()).some(({ until }) => until <= seen.now);
        return isAnyOver ? { ...seen, ready: false } : seen;
      },
    };
  },
);

const keepsStaleMemos = broken("keeps memos of stale leases", "A memo under a stale lease is refused", (honest) => ({
  async putMemo(memo) {
    const item = await honest.read.item(memo.runId, memo.item);
    return await honest.putMemo({ ...memo, epoch: item?.epoch ?? memo.epoch, session: item?.session ?? memo.session });
  },
}));

export const brokenClaims: readonly BrokenBackend[] = [
  claimsTwice,
  neverExpires,
  promotesEarly,
  forgetsPriority,
  forgetsLanes,
  ignoresLimit,
  forgetsReason,
  countsSignOffs,
  countsNoStalls,
  claimsPaused,
  runsFinishedAgain,
  forgetsMemos,
  hidesDue,
  overlooksWork,
  keepsStaleMemos,
];
