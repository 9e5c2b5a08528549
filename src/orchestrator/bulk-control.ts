/**
 * What an operator may do to many runs at once: the actions of `control.ts`, over a selection. Here options are checked
 * and turned into the action on each; how runs are visited, and what is said of them, is the same for all.
 */

import { MillraceError } from "../core/errors.ts";
import type { ControlOptions } from "../stores/run-control.ts";
import { type BulkOptions, type BulkResult, controlRuns } from "./bulk.ts";
import { type CancelOptions, type ResumeOptions, type RetryOptions, resumeAction, retryRefusal } from "./control.ts";
import type { Orchestration } from "./orchestration.ts";
import type { RunSelection } from "./run-selection.ts";

/** Removing a run costs as much as the run is large, and others wait for the store meanwhile. */
const REMOVALS = 10;

type Bulk<O> = (orchestration: Orchestration, runs: RunSelection, options: O & BulkOptions) => Promise<BulkResult>;

export const cancelRuns: Bulk<CancelOptions> = (orchestration, runs, { reason, actor, ...bulk }) =>
  controlRuns(orchestration, runs, { actionOn: (runId) => ({ kind: "cancel", runId, reason }), actor }, bulk);

export const pauseRuns: Bulk<ControlOptions> = (orchestration, runs, { actor, ...bulk }) =>
  controlRuns(orchestration, runs, { actionOn: (runId) => ({ kind: "pause", runId }), actor }, bulk);

export const resumeRuns: Bulk<ResumeOptions> = (orchestration, runs, { timeout, maxItems, actor, ...bulk }) =>
  controlRuns(orchestration, runs, { actionOn: resumeAction({ timeout, maxItems }), actor }, bulk);

/** Runs that did neither fail nor were cancelled are skipped. Throws `INVALID_VALUE` where one item is named. */
export const retryRuns: Bulk<RetryOptions> = (orchestration, runs, { timeout, maxItems, actor, ...rest }) => {
  const { item, ...bulk } = rest;
  if (item !== undefined || "input" in bulk) {
    throw new MillraceError("INVALID_VALUE", "an item and its input belong to one run: give the run's id");
  }
  const actionOn = resumeAction({ timeout, maxItems });
  return controlRuns(orchestration, runs, { actionOn, actor, refusal: retryRefusal }, bulk);
};

/** Open runs are skipped. */
export const deleteRuns: Bulk<ControlOptions> = (orchestration, runs, { actor, ...bulk }) =>
  controlRuns(orchestration, runs, { actionOn: (runId) => ({ kind: "delete", runId }), actor, chunk: REMOVALS }, bulk);
