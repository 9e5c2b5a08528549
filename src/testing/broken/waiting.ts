/** Backends whose fault is in waits: who ends one and when, which events reach it, and what becomes of child runs. */

import type { Commit } from "../../backend/contract/commit.ts";
import type { BackendOperations } from "../../backend/contract/operations.ts";
import type { NewWait, SentEvent } from "../../backend/contract/wait.ts";
import { type BrokenBackend, broken, changingCommits } from "./broken-backend.ts";

/** Operations that park items with something else than they were asked to. */
function changingWaits(honest: BackendOperations, change: (wait: NewWait) => NewWait): Partial<BackendOperations> {
  return changingCommits(honest, (commit): Commit => {
    const { outcome } = commit;
    return outcome.kind === "wait" ? { ...commit, outcome: { ...outcome, wait: change(outcome.wait) } } : commit;
  });
}

const takesAnotherAnswer = broken(
  "says yes to another answer",
  "An answer that comes again changes nothing, and another one is refused",
  (honest) => ({
    async control(requests) {
      const outcomes = await honest.control(requests);
      const changed = outcomes.map(async (outcome, at) => {
        const action = requests[at]?.action;
        if (action?.kind !== "completeWait" || outcome.kind !== "refused") return outcome;
        const run = await honest.read.runState(action.runId);
        return run === undefined ? outcome : { kind: "done" as const, run, item: action.item };
      });
      return await Promise.all(changed);
    },
  }),
);

const wakesEarly = broken(
  "ends sleeps too early",
  "A sleep goes on when its time is over, and not a millisecond before",
  (honest) =>
    changingWaits(honest, (wait) => ({
      ...wait,
      durationMs: wait.durationMs === undefined ? undefined : Math.max(0, wait.durationMs - 1),
    })),
);

const waitsForEver = broken(
  "forgets when a wait is in vain",
  "A wait that is in vain hands its item out for its failure path",
  (honest) => changingWaits(honest, (wait) => ({ ...wait, durationMs: undefined })),
);

const losesEarlyEvents = broken(
  "loses events that nobody waits for yet",
  "An event that was sent before is taken by the first wait that comes, once",
  (honest) => ({
    async sendEvents(events) {
      const { entries } = await honest.read.waits({ kind: "event" }, { limit: 1_000 });
      const isAwaited = ({ name, key }: SentEvent): boolean =>
        entries.some(({ event }) => event?.name === name && event.key === key);
      const outcomes = events.map(async (event) =>
        isAwaited(event) ? await honest.sendEvents([event]) : [{ kind: "buffered" as const }],
      );
      return (await Promise.all(outcomes)).flat();
    },
  }),
);

const deliversTwice = broken(
  "delivers kept events twice",
  "Events that nobody took are taken in the order in which they were sent",
  (honest) => ({
    async sendEvents(events) {
      const outcomes = await honest.sendEvents(events);
      await honest.sendEvents(events.filter((_, at) => outcomes[at]?.kind === "buffered"));
      return outcomes;
    },
  }),
);

const forgetsIds = broken(
  "forgets the ids of events",
  "An event that is sent again under its id has no second effect",
  (honest) => ({ sendEvents: (events) => honest.sendEvents(events.map(({ id: _, ...event }) => event)) }),
);

const ignoresConditions = broken(
  "takes events whatever is in them",
  "An event is taken only by a wait whose conditions all hold",
  (honest) => changingWaits(honest, (wait) => ({ ...wait, event: wait.event && { ...wait.event, conditions: [] } })),
);

const startsTwice = broken(
  "starts a child for every request",
  "The commit that starts a child starts one, however often it is sent",
  (honest) => {
    let starts = 0;
    return {
      async commitAndClaim(request) {
        const answer = await honest.commitAndClaim(request);
        for (const { outcome, runId, item } of request.commits) {
          if (outcome.kind !== "wait" || outcome.wait.child === undefined) continue;
          const { onParentClose: _, ...child } = outcome.wait.child;
          starts += 1;
          await honest.startRuns([{ ...child, id: `other-${starts}`, onConflict: "return", parent: { runId, item } }]);
        }
        return answer;
      },
    };
  },
);

const leavesChildren = broken(
  "leaves children of closed runs alone",
  "The end of a run cancels its children, and theirs",
  (honest) =>
    changingWaits(honest, (wait) => ({ ...wait, child: wait.child && { ...wait.child, onParentClose: "leave" } })),
);

const keepsBadAnswers = broken(
  "keeps the answer that an attempt gave up on",
  "An attempt that is to wait again forgets its wait",
  (honest) =>
    changingCommits(honest, (commit) => {
      const { outcome } = commit;
      if (outcome.kind !== "retry" && outcome.kind !== "fail") return commit;
      return { ...commit, outcome: { ...outcome, waitsAgain: false } };
    }),
);

export const brokenWaits: readonly BrokenBackend[] = [
  takesAnotherAnswer,
  wakesEarly,
  waitsForEver,
  losesEarlyEvents,
  deliversTwice,
  forgetsIds,
  ignoresConditions,
  startsTwice,
  leavesChildren,
  keepsBadAnswers,
];
