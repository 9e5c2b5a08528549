import { describe, expect, test } from "vitest";
import {
  type DistributedOrchestrator,
  type DistributedWorker,
  nextAll,
  node,
  type RunStatus,
  unchecked,
  workflow,
} from "../../../src/index.ts";
import { assertRunInvariants } from "../harness/run-invariants.ts";
import { drain, PLACES } from "./place.ts";

const flow = workflow({
  name: "two-levels",
  version: "1",
  completion: "all",
  nodes: {
    feed: node({ input: unchecked<readonly number[]>(), run: ({ input }) => nextAll(input) }),
    work: node({ input: unchecked<number>(), run: ({ input }) => nextAll([input]) }),
  },
  start: "feed",
  edges: { feed: "work", work: [] },
});

/** What each action does to a run in each status: whether something changed, or the code of the refusal. */
const TABLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  running: {
    cancel: "changed",
    pause: "changed",
    resume: "unchanged",
    retry: "ILLEGAL_TRANSITION",
    complete: "changed",
    delete: "RUN_OPEN",
  },
  paused: {
    cancel: "changed",
    pause: "unchanged",
    resume: "changed",
    retry: "ILLEGAL_TRANSITION",
    complete: "changed",
    delete: "RUN_OPEN",
  },
  completed: {
    cancel: "RUN_CLOSED",
    pause: "RUN_CLOSED",
    resume: "RUN_CLOSED",
    retry: "ILLEGAL_TRANSITION",
    complete: "RUN_CLOSED",
    delete: "done",
  },
  failed: {
    cancel: "RUN_CLOSED",
    pause: "RUN_CLOSED",
    resume: "changed",
    retry: "changed",
    complete: "RUN_CLOSED",
    delete: "done",
  },
  cancelled: {
    cancel: "unchanged",
    pause: "RUN_CLOSED",
    resume: "changed",
    retry: "changed",
    complete: "RUN_CLOSED",
    delete: "done",
  },
  unknown: {
    cancel: "RUN_NOT_FOUND",
    pause: "RUN_NOT_FOUND",
    resume: "RUN_NOT_FOUND",
    retry: "RUN_NOT_FOUND",
    complete: "RUN_NOT_FOUND",
    delete: "RUN_NOT_FOUND",
  },
};

/** Status of the run after an action that changed something. */
const LEADS_TO: Readonly<Record<string, RunStatus>> = {
  cancel: "cancelled",
  pause: "paused",
  resume: "running",
  retry: "running",
  complete: "completed",
};

describe.each(PLACES)("on $name", ({ open }) => {
  test.each(Object.entries(TABLE))(
    "every action on a run that is %s does what it may, twice no more than once",
    async (status, row) => {
      const place = await open();
      const orchestrator = place.orchestrator(flow);
      const worker = place.worker(flow);

      for (const [action, expected] of Object.entries(row)) {
        const id = await runThatIs(status, orchestrator, worker);
        const act = actionOn(orchestrator, id, action);
        expect([action, await outcomeOf(act())]).toEqual([action, expected]);
        if (expected !== "changed") continue;
        expect([action, await orchestrator.status(id)]).toEqual([action, LEADS_TO[action]]);
        await assertRunInvariants(place.backend.operations, [id]);
        if (action !== "complete" && action !== "retry")
          expect([action, await outcomeOf(act())]).toEqual([action, "unchanged"]);
        await orchestrator.cancel(id).catch(() => undefined);
      }

      async function runThatIs(wanted: string, by: DistributedOrchestrator, doer: DistributedWorker): Promise<string> {
        if (wanted === "unknown") return "no-such-run";
        const { id } = await by.startRun(flow, wanted === "failed" ? [2, 1] : [1, 3]);
        await doer.runOnce();
        if (wanted === "paused") await by.pause(id);
        if (wanted === "cancelled") await by.cancel(id);
        if (wanted === "failed") await place.backend.runs.updateStatus(id, "failed");
        if (wanted === "completed") await drain(doer);
        expect(await by.status(id)).toBe(wanted);
        return id;
      }
    },
  );
});

function actionOn(orchestrator: DistributedOrchestrator, id: string, action: string): () => Promise<unknown> {
  switch (action) {
    case "cancel":
      return () => orchestrator.cancel(id);
    case "pause":
      return () => orchestrator.pause(id);
    case "resume":
      return () => orchestrator.resume(id);
    case "retry":
      return () => orchestrator.retry(id);
    case "complete":
      return () => orchestrator.completeRun(id, ["by hand"]);
    default:
      return () => orchestrator.deleteRun(id);
  }
}

async function outcomeOf(action: Promise<unknown>): Promise<string> {
  const result = await action.then(
    (value) => value,
    (error: unknown) => error,
  );
  if (result === undefined) return "done";
  if (result instanceof Error) return "code" in result ? String(result.code) : result.message;
  return typeof result === "object" && result !== null && "changed" in result && result.changed === true
    ? "changed"
    : "unchanged";
}
