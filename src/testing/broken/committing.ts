/** Backends whose fault is in commits: who may make one, what it changes, and how it is answered. */

import type { CommitAndClaimAnswer } from "../../backend/contract/claim.ts";
import type { Commit, CommitAnswer, RefusalCode } from "../../backend/contract/commit.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { RunState } from "../../backend/contract/run.ts";
import type { WorkItem } from "../../backend/contract/work-item.ts";
import { type BrokenBackend, broken, changingCommits, Forwarder } from "./broken-backend.ts";

type Guard = (commit: Commit, item: WorkItem, run: RunState) => boolean;

/** Operations that force a commit through although it was refused with the code, where `forgets` says so. */
function withoutGuard(honest: BackendOperations, code: RefusalCode, forgets: Guard): Partial<BackendOperations> {
  const forwarder = new Forwarder(honest);

  async function commit(session: string, wanted: Commit): Promise<CommitAnswer> {
    const { answers } = await forwarder.send(session, [wanted]);
    const answer = answers[0] ?? refusal(code);
    if (answer.kind === "committed" || answer.code !== code) return answer;
    const item = await honest.read.item(wanted.runId, wanted.item);
    const run = await honest.read.runState(wanted.runId);
    if (item === undefined || run === undefined || !forgets(wanted, item, run)) return answer;
    return (await force(session, wanted, item, run)) ?? answer;
  }

  async function force(
    session: string,
    wanted: Commit,
    item: WorkItem,
    run: RunState,
  ): Promise<CommitAnswer | undefined> {
    const holder = item.status === "in_progress" ? item : await claimed(session, item, run);
    if (holder?.session === undefined) return undefined;
    const forced = { ...wanted, epoch: holder.epoch, generation: run.generation, digest: `forced ${wanted.digest}` };
    return (await forwarder.send(holder.session, [forced])).answers[0];
  }

  async function claimed(
    session: string,
    { queue, labels, item, runId }: WorkItem,
    run: RunState,
  ): Promise<WorkItem | undefined> {
    const lanes = { queues: [queue], definitions: [run.definition], labels };
    const { items } = await forwarder.send(session, [], {
      ...lanes,
      limit: 100,
      stalledLimit: 1,
      maxStalls: 3,
      graceMs: 0,
    });
    return items.find((found) => found.item.item === item && found.item.runId === runId)?.item;
  }

  return {
    commitAndClaim: (request) =>
      forwarder.once(request, async (): Promise<CommitAndClaimAnswer> => {
        const answers: CommitAnswer[] = [];
        for (const wanted of request.commits) answers.push(await commit(request.session, wanted));
        return { ...(await forwarder.send(request.session, [], request.claim)), answers };
      }),
  };
}

function refusal(code: RefusalCode): CommitAnswer {
  return { kind: "refused", code, message: "refused", sequence: 0 };
}

const forgetsEpoch = broken("forgets the epoch", "A commit under an older or a newer epoch is refused", (honest) =>
  withoutGuard(honest, "STALE_LEASE", (commit, item) => commit.epoch !== item.epoch),
);

const forgetsSession = broken(
  "forgets the session",
  "A commit of a session that does not hold the lease is refused",
  (honest) =>
    withoutGuard(honest, "STALE_LEASE", (commit, item) => commit.epoch === item.epoch && item.status === "in_progress"),
);

const forgetsGeneration = broken(
  "forgets the generation",
  "An attempt claimed before a cancel cannot commit after the resume",
  (honest) =>
    withoutGuard(
      honest,
      "RUN_CLOSED",
      (commit, _item, run) => run.finishedAt === undefined && commit.generation !== run.generation,
    ),
);

const forgetsReads = broken(
  "forgets the conflict check",
  "A conditional commit is refused when another item wrote a field that it read",
  (honest) => changingCommits(honest, (commit) => ({ ...commit, reads: [] })),
);

const forgetsAfter = broken(
  "forgets what a commit builds on",
  "A commit that builds on a refused one is refused too",
  (honest) => changingCommits(honest, (commit) => ({ ...commit, after: [] })),
);

const refusesResent = broken(
  "gives a wrong answer to a resent commit",
  "The same commit under another request number is answered without a second effect",
  (honest) => {
    const seen = new Set<string>();
    return {
      async commitAndClaim(request) {
        const { answers, ...answer } = await honest.commitAndClaim(request);
        const changed = answers.map((one, at) =>
          seen.has(request.commits[at]?.digest ?? "") ? refusal("STALE_LEASE") : one,
        );
        for (const { digest } of request.commits) seen.add(digest);
        return { ...answer, answers: changed };
      },
    };
  },
);

const answersAnew = broken(
  "claims anew for a resent request",
  "A claim that is sent again hands out the same items and no others",
  (honest) => {
    const forwarder = new Forwarder(honest);
    return { commitAndClaim: ({ session, commits, claim }) => forwarder.send(session, commits, claim) };
  },
);

const acceptsOtherContent = broken(
  "takes other content for the same commit",
  "The same item, epoch and session with other content is refused with COMMIT_CONFLICT",
  (honest) => changingCommits(honest, (commit) => ({ ...commit, digest: "the same" })),
);

const onlyAcknowledges = broken(
  "acknowledges without applying",
  "A commit that is acknowledged is seen by the next read",
  (honest) => ({
    async commitAndClaim(request) {
      const answer = await honest.commitAndClaim({ ...request, commits: [] });
      const answers = request.commits.map((): CommitAnswer => {
        const { now: at } = answer;
        return { kind: "committed", sequence: 0, appended: false, at, runStatus: "completed", itemStatus: "completed" };
      });
      return { ...answer, answers };
    },
  }),
);

const appliesRefused = broken("applies half of a refused commit", "A refused commit leaves no trace", (honest) => ({
  async commitAndClaim(request) {
    const answer = await honest.commitAndClaim(request);
    for (const [at, { runId, delta, writes }] of request.commits.entries()) {
      if (answer.answers[at]?.kind !== "refused" || delta === undefined) continue;
      await honest.control([{ action: { kind: "merge", runId, delta, writes } }]);
    }
    return answer;
  },
}));

const dropsSuccessor = broken("drops the last successor", "Successors are numbered densely, in order", (honest) =>
  changingCommits(honest, (commit) => {
    const { outcome } = commit;
    if (outcome.kind !== "emit" || outcome.items.length < 2) return commit;
    return { ...commit, outcome: { ...outcome, items: outcome.items.slice(0, -1) } };
  }),
);

const firesTwice = broken(
  "fires a join twice",
  "A join fires once, when the last branch has ended, with the values in branch order",
  (honest) => {
    const fired = new Set<string>();
    return {
      async commitAndClaim(request) {
        const answer = await honest.commitAndClaim(request);
        for (const runId of new Set(request.commits.map((commit) => commit.runId))) {
          const { entries } = await honest.read.items({ runId }, { limit: 1_000 });
          for (const item of entries.filter(({ kind }) => kind === "join")) {
            if (fired.has(`${runId}.${item.item}`)) continue;
            const outcomes = await honest.control([{ action: { kind: "enqueue", runId, item: copyOf(item) } }]);
            for (const done of outcomes) if (done.kind === "done") fired.add(`${runId}.${done.item}`);
            fired.add(`${runId}.${item.item}`);
          }
        }
        return answer;
      },
    };
  },
);

function copyOf({ node, kind, queue, labels, keys, priority, timeoutMs, deadlineMs, index }: WorkItem) {
  return { node, kind, input: undefined, queue, labels, keys, priority, timeoutMs, deadlineMs, index, delayMs: 0 };
}

const forgetsEmptyFanOuts = broken(
  "forgets empty fan-outs",
  "An empty fan-out fires its join at once with nothing",
  (honest) =>
    changingCommits(honest, (commit) => {
      const { outcome } = commit;
      const isEmpty = outcome.kind === "emit" && outcome.items.length + outcome.arrivals.length === 0;
      return isEmpty ? { ...commit, outcome: { ...outcome, opens: undefined } } : commit;
    }),
);

const forgetsFailures = broken(
  "records no retried attempts",
  "Every failed attempt is recorded, oldest first, with its worker",
  (honest) =>
    changingCommits(honest, (commit) => {
      const { outcome } = commit;
      return outcome.kind === "retry" ? { ...commit, outcome: { kind: "release", delayMs: outcome.delayMs } } : commit;
    }),
);

export const brokenCommits: readonly BrokenBackend[] = [
  forgetsEpoch,
  forgetsSession,
  forgetsGeneration,
  forgetsReads,
  forgetsAfter,
  refusesResent,
  answersAnew,
  acceptsOtherContent,
  onlyAcknowledges,
  appliesRefused,
  dropsSuccessor,
  firesTwice,
  forgetsEmptyFanOuts,
  forgetsFailures,
];
