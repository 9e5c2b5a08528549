/**
 * Explaining runs and items: reads the facts, once, and hands them to the pure functions that put them into words. How
 * often a node may be tried is told where its code is at hand; the default of workers is not guessed.
 */

import { DEFAULTS } from "../../core/limits.ts";
import { DEFAULT_RETRY, resolveRetry } from "../../core/retry.ts";
import type { Workflow } from "../../definition/workflow-building.ts";
import { parseItemId } from "../../stores/item-id.ts";
import { readProgress } from "../../stores/item-progress.ts";
import { requireItem } from "../../stores/work-items.ts";
import type { Orchestration } from "../orchestration.ts";
import { type Facts, readFacts, readTelling, readWaits } from "./facts.ts";
import { explainItem, type ItemExplanation } from "./item-sentence.ts";
import { explainRun, type RunExplanation } from "./run-sentence.ts";

/** Explains what is asked for. */
export interface Explainer {
  run(runId: string): Promise<RunExplanation>;
  item(itemId: string): Promise<ItemExplanation>;
}

/** An explainer over one store. */
export function explainer({ operations, workflows }: Orchestration): Explainer {
  const factsOf = async (runId: string): Promise<Facts> => {
    const state = await operations.read.runState(runId);
    const code = state && workflows.byHash(state.definition);
    const maxAttempts = (node: string): number | undefined => code && attemptsOf(code, node);
    return readFacts(operations, runId, { maxAttempts, thresholdMs: DEFAULTS.livenessMs });
  };
  return {
    async run(runId) {
      const facts = await factsOf(runId);
      const telling = await readTelling(operations, facts.run);
      const progress = await readProgress(operations, runId, telling);
      const waits = await readWaits(operations, telling);
      return explainRun({ ...facts, ...waits, progress }, telling);
    },
    async item(itemId) {
      const facts = await factsOf(parseItemId(itemId).runId);
      const item = await requireItem(operations, itemId);
      const progress = await readProgress(operations, item.runId, [item]);
      const waits = await readWaits(operations, [item]);
      return explainItem({ ...facts, ...waits, progress }, item);
    },
  };
}

/** Of the node's own policy or the workflow's; a worker's default is the worker's business. */
function attemptsOf(workflow: Workflow, node: string): number | undefined {
  const runtime = workflow["~runtime"];
  const policy = runtime.nodes.get(node)?.retry ?? runtime.retry;
  return policy === undefined ? undefined : resolveRetry(policy, DEFAULT_RETRY).maxAttempts;
}
