/**
 * Applies the commits of one request in their order. The rules decide each by the rows as the commits before it left them;
 * what is refused writes nothing and does not disturb the others, except those that say they build on it.
 */

import type { Commit, CommitAnswer } from "../contract/commit.ts";
import type { RunState } from "../contract/run.ts";
import { decideCommit, type Predecessors } from "../rules/commit.ts";
import type { CommitEffect } from "../rules/draft.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { registerWait } from "./register-waits.ts";
import type { StoredSession } from "./row-store.ts";

export function applyCommits(
  step: AtomicStep,
  session: StoredSession,
  commits: readonly Commit[],
): readonly CommitAnswer[] {
  const answers: CommitAnswer[] = [];
  for (const commit of commits) answers.push(applyCommit(step, session, commit, predecessors(commit, answers)));
  return answers;
}

function applyCommit(step: AtomicStep, session: StoredSession, commit: Commit, after: Predecessors): CommitAnswer {
  const { store } = step;
  const { runId } = commit;
  const run = step.run(runId);
  const rows = {
    run,
    item: run === undefined ? undefined : store.item(runId, commit.item),
    session: session.id,
    workerId: session.workerId,
    group: (group: number) => store.group(runId, group),
    heldNodes: () => store.heldNodes(runId),
  };
  const decision = decideCommit(rows, commit, after, step.now);
  if (decision.kind !== "accepted") return decision.answer;
  writeEffect(step, decision.effect, commit);
  return decision.effect.answer;
}

function predecessors(commit: Commit, answers: readonly CommitAnswer[]): Predecessors {
  const before = commit.after.map((position) => answers[position]);
  const sequences = before.flatMap((answer) =>
    answer?.kind === "committed" && answer.appended ? [answer.sequence] : [],
  );
  return { refused: before.some((answer) => answer?.kind !== "committed"), sequences };
}

function writeEffect(step: AtomicStep, effect: CommitEffect, commit: Commit): void {
  const { store } = step;
  const { run, item } = effect;
  step.putRun(run);
  if (effect.runFailure !== undefined) store.putRunFailure(run.id, effect.runFailure);
  if (effect.runOutput !== undefined) store.putRunOutput(run.id, effect.runOutput);
  step.putItem(item, run);
  for (const fresh of effect.inserted) step.insertItem(fresh.item, fresh.payload, run);
  for (const group of effect.groups) store.putGroup(group);
  for (const arrival of effect.arrivals) store.insertArrival(arrival);
  for (const output of effect.outputs) store.insertOutput(run.id, output);
  if (effect.delta !== undefined) store.insertDelta(run.id, effect.delta);
  if (commit.outcome.kind === "wait") registerWait(step, item, commit.outcome.wait);
  writeHistory(step, run, effect, commit);
}

function writeHistory({ store }: AtomicStep, run: RunState, effect: CommitEffect, commit: Commit): void {
  if (effect.failure !== undefined) store.insertFailure(effect.failure);
  for (const metric of effect.metrics) store.insertMetric(metric);
  for (const line of commit.logs) store.insertLog(run.id, commit.item, effect.attempt, line);
}
