/**
 * How an attempt ended, once the store has answered: in the words of callbacks and of `runOnce`. Pure.
 */

import type { CommitAnswer } from "../backend/contract/commit.ts";
import type { FailureRecord } from "../core/errors.ts";
import type { RunStatus } from "../core/status.ts";
import type { Execution } from "../execution/attempt.ts";
import type { ActiveItem } from "./active-item.ts";
import type { ItemOutcome } from "./worker-callbacks.ts";

/** The end of one item on this worker. */
export interface Conclusion {
  readonly item: ActiveItem;
  readonly outcome: ItemOutcome["outcome"];
  readonly failure?: FailureRecord | undefined;
  readonly runStatus?: RunStatus | undefined;
}

/** What an answer means for its item. Conflicts are no end. */
export function concludeItem(item: ActiveItem, { outcome }: Execution, answer: CommitAnswer): Conclusion {
  if (answer.kind === "refused") return { item, outcome: "lost" };
  const failure = "failure" in outcome ? outcome.failure : undefined;
  return { item, outcome: outcomeOf(answer), failure, runStatus: answer.runStatus };
}

function outcomeOf({ itemStatus }: CommitAnswer & { readonly kind: "committed" }): ItemOutcome["outcome"] {
  switch (itemStatus) {
    case "completed":
    case "held":
    case "waiting":
      return itemStatus;
    case "waiting_retry":
      return "retried";
    case "failed":
      return "failedOver";
    case "permanently_failed":
      return "failed";
    case "pending":
      return "released";
  }
}
