/**
 * What each outcome of an attempt does to the draft of its commit: emissions, holds, retries, failures, releases, and
 * whether the run ends by it.
 */

import type { FailureRecord } from "../../core/errors.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { Commit, CommitOutcomeRequest } from "../contract/commit.ts";
import type { Draft } from "./draft.ts";

type Outcome<K extends CommitOutcomeRequest["kind"]> = Extract<CommitOutcomeRequest, { kind: K }>;

export function applyOutcome(draft: Draft, commit: Commit): void {
  const { outcome } = commit;
  switch (outcome.kind) {
    case "emit":
      return emit(draft, outcome);
    case "failOver":
      return failOver(draft, outcome);
    case "hold":
      reset(draft);
      draft.end("held");
      return settleRun(draft);
    case "retry":
      return retry(draft, outcome);
    case "fail":
      return failRun(draft, outcome.failure, outcome.waitsAgain);
    case "wait":
      return draft.park(outcome.wait);
    case "release":
      return release(draft, outcome.delayMs);
  }
}

function emit(draft: Draft, outcome: Outcome<"emit">): void {
  if (exceedsItems(draft, outcome)) return overLimit(draft);
  if (outcome.opens !== undefined && !draft.openGroup(outcome.opens.joins)) {
    return failRun(draft, {
      code: "TOO_DEEP",
      message: "branch groups are nested too deep: a fan-out opens groups of itself without end",
    });
  }
  const group = outcome.opens === undefined ? draft.item.group : draft.item.item;
  for (const item of outcome.items) draft.insert(item, group, outcome.width);
  if (!deliver(draft, outcome, group)) return;
  for (const output of outcome.outputs) draft.output(output, outcome.width);
  reset(draft);
  draft.end("completed");
  settleRun(draft);
}

function failOver(draft: Draft, outcome: Outcome<"failOver">): void {
  if (exceedsItems(draft, outcome)) return overLimit(draft);
  for (const item of outcome.items) draft.insert(item, draft.item.group, outcome.width);
  if (!deliver(draft, outcome, draft.item.group)) return;
  draft.fail(outcome.failure, "failedOver");
  draft.item.attempts += 1;
  draft.item.stalls = 0;
  draft.end("failed");
  settleRun(draft);
}

/** Definitions are checked so that every arrival finds its group; a definition that lies fails its run, not the store. */
function deliver(draft: Draft, outcome: Outcome<"emit"> | Outcome<"failOver">, group: number | undefined): boolean {
  for (const arrival of outcome.arrivals) {
    if (draft.arrive(arrival, group, outcome.width)) continue;
    failRun(draft, {
      code: "INVALID_WORKFLOW",
      message: `join "${arrival.join}" was reached outside of its fan-out "${arrival.of}"`,
    });
    return false;
  }
  return true;
}

function retry(draft: Draft, outcome: Outcome<"retry">): void {
  draft.fail(outcome.failure, "retried");
  const { item, run, now } = draft;
  if (outcome.waitsAgain === true) item.wait = undefined;
  item.status = "waiting_retry";
  item.attempts += 1;
  item.stalls = 0;
  item.reason = "ready";
  item.readyAt = now + outcome.delayMs;
  run.retried += 1;
}

function release(draft: Draft, delayMs: number): void {
  draft.discard();
  draft.item.status = "pending";
  draft.item.readyAt = draft.now + delayMs;
}

/** The item keeps its place as a member of its group and is re-opened by a resume. */
function failRun(draft: Draft, failure: FailureRecord, waitsAgain = false): void {
  draft.discard();
  draft.fail(failure, "failed");
  const { item, run, now } = draft;
  if (waitsAgain) item.wait = undefined;
  item.status = "permanently_failed";
  item.attempts += 1;
  item.endedAt = now;
  run.open -= 1;
  run.failed += 1;
  draft.close("failed", { ...failure, node: item.node, item: item.item, attempt: item.attempts });
}

/** The attempt leaves no trace and its item stays open, so that a resume with a new limit runs it again. */
function overLimit(draft: Draft): void {
  release(draft, 0);
  const message = `the run has made ${draft.run.items} items and may not make more than ${draft.run.maxItems}`;
  draft.close("failed", { code: "TOO_MANY_ITEMS", message, node: draft.item.node, item: draft.item.item });
}

function exceedsItems(draft: Draft, outcome: Outcome<"emit"> | Outcome<"failOver">): boolean {
  return outcome.items.length > 0 && draft.run.items + outcome.items.length > draft.run.maxItems;
}

function reset(draft: Draft): void {
  draft.item.stalls = 0;
  draft.item.failure = undefined;
}

/** Whether the run is over, by its completion mode. */
function settleRun(draft: Draft): void {
  const { run } = draft;
  if (isTerminalRun(run.status)) return;
  if (run.completion === "first" && run.outputs > 0) return draft.close("completed");
  if (run.completion === "single" && run.outputs > 1) return draft.close("failed", multipleOutputs(draft));
  if (run.open > 0) return;
  if (run.outputs > 0 || (run.completion === "all" && run.held === 0)) return draft.close("completed");
  draft.close("failed", stuck(draft));
}

function multipleOutputs(draft: Draft) {
  const message =
    `item ${draft.item.item} ("${draft.item.node}") gave a second output, and the workflow completes with a single one; ` +
    'use completion: "first" to take the first output, or completion: "all" to collect them';
  return { code: "MULTIPLE_OUTPUTS", message, node: draft.item.node, item: draft.item.item };
}

function stuck(draft: Draft) {
  const held = draft.heldNodes();
  const message =
    held.length > 0
      ? `nothing is open and there is no output: held at ${held.map((node) => `"${node}"`).join(", ")}`
      : `nothing is open and there is no output: the last branch ended at "${draft.item.node}" without emitting`;
  return { code: "RUN_STUCK", message, node: draft.item.node, item: draft.item.item };
}
