/** Backends whose fault is in what is kept and shown: deltas, lists, texts, wake-ups, and who may see what. */

import type { BackendOperations, Reads } from "../../backend/contract/operations.ts";
import type { DeltaRecord } from "../../backend/contract/records.ts";
import type { Page, RunState } from "../../backend/contract/run.ts";
import { isMillraceError } from "../../core/errors.ts";
import { type BrokenBackend, broken, overlay } from "./broken-backend.ts";

function changingReads(honest: BackendOperations, replaced: Partial<Reads>): Partial<BackendOperations> {
  return { read: overlay(honest.read, replaced) };
}

/** The operations with deltas changed on the way out, in lists and in tails. */
function changingDeltas(
  honest: BackendOperations,
  change: (deltas: readonly DeltaRecord[]) => readonly DeltaRecord[],
): Partial<BackendOperations> {
  return changingReads(honest, {
    async deltas(runId, page) {
      const { entries, ...rest } = await honest.read.deltas(runId, page);
      return { ...rest, entries: change(entries) };
    },
    async contextTail(runId, range) {
      const tail = await honest.read.contextTail(runId, range);
      return tail && { ...tail, deltas: change(tail.deltas) };
    },
  });
}

const losesDelta = broken(
  "loses a delta",
  "Every accepted delta is there, whoever commits at the same time",
  (honest) => changingDeltas(honest, (deltas) => deltas.filter(({ sequence }) => sequence % 7 !== 5)),
);

const reordersDeltas = broken("reorders deltas", "Deltas are read in commit order", (honest) =>
  changingDeltas(honest, (deltas) =>
    deltas.map((delta, at) => {
      const neighbour = deltas[at % 2 === 0 ? at + 1 : at - 1] ?? delta;
      return { ...neighbour, sequence: delta.sequence };
    }),
  ),
);

const listsOutOfOrder = broken("lists out of order", "Runs are listed newest first", (honest) =>
  changingReads(honest, {
    async runs(filter, page) {
      const { entries, ...rest } = await honest.read.runs(filter, page);
      return { ...rest, entries: entries.toReversed() };
    },
  }),
);

const skipsRows = broken("skips rows between pages", "Pages of runs join up, whatever their length", (honest) =>
  changingReads(honest, {
    async runs(filter, page) {
      const found = await honest.read.runs(filter, page);
      return found.cursor === undefined ? found : { ...found, entries: found.entries.slice(0, -1) };
    },
  }),
);

const trustsCursors = broken("trusts cursors", "A cursor that was tampered with is refused", (honest) =>
  changingReads(honest, {
    async runs(filter, page): Promise<Page<never> | Awaited<ReturnType<Reads["runs"]>>> {
      try {
        return await honest.read.runs(filter, page);
      } catch (error) {
        if (page.cursor !== undefined && isMillraceError(error, "INVALID_VALUE")) return { entries: [] };
        throw error;
      }
    },
  }),
);

const readsStale = broken("reads what was", "A commit that is acknowledged is seen by the next read", (honest) => {
  const known = new Map<string, RunState>();
  return {
    async startRuns(starts) {
      const outcomes = await honest.startRuns(starts);
      for (const outcome of outcomes) if (outcome.kind === "started") known.set(outcome.run.id, outcome.run);
      return outcomes;
    },
    ...changingReads(honest, { runState: async (runId) => known.get(runId) ?? (await honest.read.runState(runId)) }),
  };
});

const showsClosedAsOpen = broken(
  "shows items of closed runs as open",
  "Items of a cancelled run read as cancelled and cannot be claimed",
  (honest) =>
    changingReads(honest, {
      async items(filter, page) {
        const { entries, ...rest } = await honest.read.items(filter, page);
        const shown = entries.map((item) =>
          item.status === "cancelled" ? { ...item, status: "pending" as const } : item,
        );
        return { ...rest, entries: shown };
      },
    }),
);

const cutsTexts = broken("cuts texts at a NUL", "Every text may be a NUL", (honest) => ({
  startRuns: (starts) =>
    honest.startRuns(starts.map((start) => ({ ...start, idempotencyKey: start.idempotencyKey?.split("\0")[0] }))),
}));

const dropsWakeup = broken("drops a wake-up", "A start wakes workers", (honest) => ({
  subscribe: (listener) =>
    honest.subscribe((wakeup) => {
      if (wakeup.kind !== "work") listener(wakeup);
    }),
}));

const forgetsKeys = broken(
  "forgets idempotency keys",
  "The same idempotency key and input give the same run",
  (honest) => ({
    startRuns: (starts) => honest.startRuns(starts.map((start) => ({ ...start, idempotencyKey: undefined }))),
  }),
);

const forgetsActors = broken(
  "forgets who asked",
  "Every action that was done is in the audit trail, oldest first, with who asked",
  (honest) => ({ control: (requests) => honest.control(requests.map(({ action }) => ({ action }))) }),
);

const usesOldSnapshots = broken(
  "uses snapshots of another shape",
  "A snapshot of another shape is not used",
  (honest) => ({
    putSnapshot: (snapshot) => honest.putSnapshot({ ...snapshot, shape: "any" }),
    ...changingReads(honest, {
      contextTail: (runId, range) => honest.read.contextTail(runId, { ...range, shape: range.shape && "any" }),
    }),
  }),
);

const leaksNamespaces: BrokenBackend = {
  name: "leaks across namespaces",
  fails: "Namespaces share nothing",
  breakHarness: (harness) => {
    let first: Promise<BackendOperations> | undefined;
    return {
      ...harness,
      open: (options) => {
        first ??= harness.open(options);
        return first;
      },
    };
  },
};

export const brokenReads: readonly BrokenBackend[] = [
  losesDelta,
  reordersDeltas,
  listsOutOfOrder,
  skipsRows,
  trustsCursors,
  readsStale,
  showsClosedAsOpen,
  cutsTexts,
  dropsWakeup,
  forgetsKeys,
  forgetsActors,
  usesOldSnapshots,
  leaksNamespaces,
];
