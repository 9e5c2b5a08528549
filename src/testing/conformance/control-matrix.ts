/**
 * Cases for every action an operator has, on a run in every status, with an item in flight: what it answers, what the run
 * becomes, and whether the attempt in flight may still commit.
 */

import type { ClaimedItem } from "../../backend/contract/claim.ts";
import type { ControlAction } from "../../backend/contract/control.ts";
import type { RunStatus } from "../../core/status.ts";
import type { Actor } from "./actor.ts";
import { type CaseBody, cases } from "./conformance-case.ts";
import { dumpRun } from "./dump.ts";
import { equal, present } from "./expectation.ts";
import { bytes, fail, failure, newItem, next, output } from "./parts.ts";
import type { Stage } from "./stage.ts";

type Situation = Extract<RunStatus, "running" | "paused" | "completed" | "failed" | "cancelled">;
type ActionKind = ControlAction["kind"];

/** What an action answers: done, unchanged, or the code that it is refused with. */
type Expected = "done" | "unchanged" | "RUN_CLOSED" | "RUN_OPEN" | "ILLEGAL_TRANSITION" | "WAIT_NOT_FOUND";

const SITUATIONS: readonly Situation[] = ["running", "paused", "completed", "failed", "cancelled"];

/** By action: its name in a sentence, and what it answers in each situation, in the order of `SITUATIONS`. */
const TABLE: Readonly<
  Record<ActionKind, readonly [string, readonly [Expected, Expected, Expected, Expected, Expected]]>
> = {
  cancel: ["Cancelling", ["done", "done", "RUN_CLOSED", "RUN_CLOSED", "unchanged"]],
  pause: ["Pausing", ["done", "unchanged", "RUN_CLOSED", "RUN_CLOSED", "RUN_CLOSED"]],
  resume: ["Resuming", ["unchanged", "done", "RUN_CLOSED", "done", "done"]],
  retryItem: [
    "Retrying an item of",
    ["ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION", "done", "ILLEGAL_TRANSITION"],
  ],
  complete: ["Completing", ["done", "done", "RUN_CLOSED", "RUN_CLOSED", "RUN_CLOSED"]],
  fail: ["Failing", ["done", "done", "RUN_CLOSED", "RUN_CLOSED", "RUN_CLOSED"]],
  enqueue: ["Putting an item into", ["done", "done", "RUN_CLOSED", "RUN_CLOSED", "RUN_CLOSED"]],
  merge: ["Merging a delta into", ["done", "done", "RUN_CLOSED", "RUN_CLOSED", "RUN_CLOSED"]],
  setAttempts: [
    "Setting attempts in",
    ["done", "done", "ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION", "ILLEGAL_TRANSITION"],
  ],
  completeWait: [
    "Answering a wait that there is not in",
    ["WAIT_NOT_FOUND", "WAIT_NOT_FOUND", "WAIT_NOT_FOUND", "WAIT_NOT_FOUND", "WAIT_NOT_FOUND"],
  ],
  delete: ["Deleting", ["RUN_OPEN", "RUN_OPEN", "done", "done", "done"]],
};

/** The status that an action leads to when it is done; absent: it stays. */
const BECOMES: Partial<Record<ActionKind, RunStatus>> = {
  cancel: "cancelled",
  pause: "paused",
  resume: "running",
  retryItem: "running",
  complete: "completed",
  fail: "failed",
};

/** Items of the run that every case is about. */
const BAD = 1;
const IDLE = 3;

const ACTIONS = [
  "cancel",
  "pause",
  "resume",
  "retryItem",
  "complete",
  "fail",
  "enqueue",
  "merge",
  "setAttempts",
  "delete",
] as const;

export const controlMatrixCases = cases("control", Object.fromEntries(ACTIONS.flatMap(casesOf)));

function casesOf(kind: ActionKind): readonly (readonly [string, CaseBody])[] {
  const [gerund, expectations] = TABLE[kind];
  return SITUATIONS.map((situation, at) => {
    const expected = expectations[at] ?? "done";
    const says = expected === "done" || expected === "unchanged" ? expected : `refused with ${expected}`;
    return [
      `${gerund} a ${situation} run with an item in flight is ${says}`,
      (stage) => runCase(stage, kind, situation, expected),
    ];
  });
}

async function runCase(stage: Stage, kind: ActionKind, situation: Situation, expected: Expected): Promise<void> {
  const { id, worker, busy } = await arrange(stage, situation);
  const before = await dumpRun(stage.backend, id);
  const outcome = await stage.control(actionOf(kind, id), "the operator");
  if (expected !== "done") {
    equal(outcome.kind === "refused" ? outcome.code : outcome.kind, expected, "the outcome");
    equal(await dumpRun(stage.backend, id), before, "the run, which the action must leave as it was");
  } else await checkDone(stage, kind, id, before, outcome.kind);
  if (expected === "done" && kind === "delete") return;
  await checkFlight(stage, worker, busy, { kind, situation, done: expected === "done" });
}

async function checkDone(
  stage: Stage,
  kind: ActionKind,
  id: string,
  before: Awaited<ReturnType<typeof dumpRun>>,
  outcome: string,
): Promise<void> {
  equal(outcome, "done", "the outcome");
  const { entries } = await stage.backend.read.audit(id, { limit: 1_000 });
  const last = present(entries.at(-1), "the last entry of the audit trail");
  equal(
    [last.runId, last.action, last.actor, last.at],
    [id, kind, "the operator", stage.clock.now()],
    "the last entry of the audit trail",
  );
  if (kind === "delete") {
    equal(
      [await stage.backend.read.run(id), await stage.backend.read.item(id, 0)],
      [undefined, undefined],
      "the deleted run and its item",
    );
    return;
  }
  const run = await stage.state(id);
  equal(run.status, BECOMES[kind] ?? before.run.status, "the status of the run");
  const closes = kind === "cancel" || kind === "complete" || kind === "fail";
  equal(run.generation, before.run.generation + (closes ? 1 : 0), "the generation of the run");
}

/** What the attempt in flight may do, and whether anything of the run is claimed. */
async function checkFlight(
  stage: Stage,
  worker: Actor,
  busy: ClaimedItem,
  { kind, situation, done }: { readonly kind: ActionKind; readonly situation: Situation; readonly done: boolean },
): Promise<void> {
  const { status, generation } = await stage.state(busy.run.id);
  const claimed = await (await stage.session()).claim();
  const claims = status === "running";
  equal(
    claimed.items.some(({ item }) => item.item === IDLE),
    claims,
    `whether the idle item of a ${status} run is claimed`,
  );
  const answer = await worker.commit(busy, next("after"));
  const stands = generation === 0;
  equal(
    answer.kind === "refused" ? answer.code : answer.kind,
    stands ? "committed" : "RUN_CLOSED",
    `the commit in flight after ${done ? "" : "refused "}${kind} of a ${situation} run`,
  );
}

/** A run in the situation: item 0 done, 1 bad, 2 busy (in flight), 3 idle. */
async function arrange(
  stage: Stage,
  situation: Situation,
): Promise<{ readonly id: string; readonly worker: Actor; readonly busy: ClaimedItem }> {
  const id = await stage.start({ completion: "first" });
  const worker = await stage.session();
  await worker.did(await worker.take(), next("bad", "busy", "idle"));
  const { items } = await worker.claim({ limit: 2 });
  const [bad, busy] = [present(items[0], "an item"), present(items[1], "an item")];
  switch (situation) {
    case "running":
      await worker.did(bad, next());
      break;
    case "paused":
      await worker.did(bad, next());
      await stage.does({ kind: "pause", runId: id });
      break;
    case "completed":
      await worker.did(bad, output("done"));
      break;
    case "failed":
      await worker.did(bad, fail());
      break;
    case "cancelled":
      await worker.did(bad, next());
      await stage.does({ kind: "cancel", runId: id });
  }
  equal((await stage.state(id)).status, situation, "the status that the case is about");
  return { id, worker, busy };
}

function actionOf(kind: ActionKind, runId: string): ControlAction {
  switch (kind) {
    case "cancel":
    case "pause":
    case "resume":
    case "delete":
      return { kind, runId };
    case "retryItem":
      return { kind, runId, item: BAD };
    case "complete":
      return { kind, runId, output: bytes("by hand") };
    case "fail":
      return { kind, runId, failure: failure("by hand") };
    case "enqueue":
      return { kind, runId, item: newItem("extra") };
    case "merge":
      return { kind, runId, delta: bytes("extra"), writes: [0] };
    case "setAttempts":
      return { kind, runId, item: IDLE, attempts: 2 };
    case "completeWait":
      return { kind, runId, item: IDLE, number: 1, payload: bytes("answer") };
  }
}
