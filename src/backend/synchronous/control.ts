/** Applies what an operator asked for: the rules decide, this writes, and the audit trail says who wanted it. */

import type { AuditEntry, ControlAction, ControlOutcome, ControlRequest } from "../contract/control.ts";
import type { RunState } from "../contract/run.ts";
import type { WorkItem } from "../contract/work-item.ts";
import { type ControlEffect, decideControl } from "../rules/control.ts";
import { answerName } from "../rules/waits.ts";
import type { AtomicStep } from "./atomic-step.ts";
import { actedOn } from "./staged-runs.ts";
import { forgetWait, keepAnswer } from "./waits.ts";

export function controlRun(step: AtomicStep, request: ControlRequest): ControlOutcome {
  const { store } = step;
  const { action } = request;
  const { runId } = action;
  const run = actedOn(step.run(runId), action);
  const rows = {
    run,
    failure: run === undefined ? undefined : store.runFailure(runId),
    item: (item: number) => store.item(runId, item),
    answer: (item: WorkItem, number: number) => store.memos(runId, item.item).get(answerName(item, number)),
    unfinished: () => store.unfinished(runId),
  };
  const decision = decideControl(rows, action, step.now);
  if (decision.kind === "answer") return decision.outcome;
  const { effect } = decision;
  if (effect.remove === true) {
    store.removeRun(runId);
    step.touched(runId);
  } else write(step, effect);
  store.insertAudit(auditEntry(request, effect, step.now));
  return { kind: "done", run: effect.run, item: effect.about };
}

function write(step: AtomicStep, effect: ControlEffect): void {
  const { store } = step;
  const { run } = effect;
  step.putRun(run);
  if (effect.failure !== undefined) store.putRunFailure(run.id, effect.failure ?? undefined);
  if (effect.output !== undefined) store.putRunOutput(run.id, effect.output);
  for (const item of effect.items ?? []) step.putItem(item, run, step.isLeaseOver(item));
  if (effect.input !== undefined) store.putInput(run.id, effect.input.item, effect.input.bytes);
  if (effect.inserted !== undefined) step.insertItem(effect.inserted.item, effect.inserted.payload, run);
  if (effect.delta !== undefined) store.insertDelta(run.id, effect.delta);
  if (effect.answered !== undefined) {
    keepAnswer(step, effect.answered.item, effect.answered.number, effect.answered.payload);
    forgetWait(step, effect.answered.item, "answer");
  }
  if (effect.putBack === true) putBack(step, run);
}

function putBack(step: AtomicStep, run: RunState): void {
  step.reopened(run.id);
  for (const item of step.store.aside(run.id)) step.settle(item, run, step.isLeaseOver(item));
}

function auditEntry({ action, actor }: ControlRequest, effect: ControlEffect, at: number): AuditEntry {
  const detail = JSON.stringify(detailOf(action));
  return { runId: action.runId, at, action: action.kind, actor, detail, item: effect.about };
}

/** What was asked, without payloads. */
function detailOf(action: ControlAction): Readonly<Record<string, unknown>> {
  switch (action.kind) {
    case "cancel":
      return { reason: action.reason };
    case "resume":
      return { timeoutMs: action.timeoutMs, maxItems: action.maxItems };
    case "retryItem":
      return { inputBytes: action.input?.byteLength };
    case "complete":
      return { outputBytes: action.output.byteLength };
    case "fail":
      return { code: action.failure.code, message: action.failure.message };
    case "enqueue":
      return { node: action.item.node, queue: action.item.queue };
    case "merge":
      return { deltaBytes: action.delta.byteLength, writes: action.writes };
    case "setAttempts":
      return { attempts: action.attempts };
    case "completeWait":
      return { number: action.number, payloadBytes: action.payload.byteLength };
    case "pause":
    case "delete":
      return {};
  }
}
