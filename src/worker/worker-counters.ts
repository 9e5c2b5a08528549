/** What a worker counts of itself, and its health as operators see it. It knows nothing of how items are executed. */

import type { WorkerHealth } from "../backend/contract/session.ts";
import type { ActiveItem } from "./active-item.ts";
import type { Conclusion } from "./conclusion.ts";

export class WorkerCounters {
  #completed = 0;
  #errors = 0;

  count({ outcome }: Conclusion): void {
    if (outcome === "completed" || outcome === "held") this.#completed += 1;
    else if (outcome === "retried" || outcome === "failed" || outcome === "failedOver") this.#errors += 1;
  }

  /** `phase`: what the worker is at as a whole. */
  health(items: Iterable<ActiveItem>, phase: "working" | "draining" | "stopped"): WorkerHealth {
    const executing: string[] = [];
    let retried: ActiveItem | undefined;
    for (const item of items) {
      if (item.state !== "running") continue;
      executing.push(item.key);
      if (item.claimed.item.attempts > (retried?.claimed.item.attempts ?? 0)) retried = item;
    }
    const figures = { items: executing, completed: this.#completed, errors: this.#errors };
    if (phase !== "working") return { status: phase, ...figures };
    if (retried !== undefined) {
      const attempt = retried.claimed.item.attempts + 1;
      const maxAttempts = retried.attempt.node?.retry.maxAttempts;
      return { status: "retrying", attempt, ...(maxAttempts === undefined ? {} : { maxAttempts }), ...figures };
    }
    return { status: executing.length > 0 ? "in_progress" : "idle", ...figures };
  }
}
