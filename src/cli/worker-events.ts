/**
 * What `millrace worker` says of itself: ready, draining, drained; a line each, or a line of JSON. It counts what the
 * workers do, for the last line, and is as harmless to them as any observer.
 */

import type { ItemOutcome, WorkerCallbacks, WorkerReport } from "../index.ts";
import { jsonLine } from "./output/json-output.ts";
import { span } from "./output/moments.ts";
import { plainLine } from "./output/plain-text.ts";
import type { Surroundings } from "./surroundings.ts";

/** The words of a worker process. */
export interface WorkerEvents {
  /** The callbacks given, and a count beside them. */
  counting(callbacks: WorkerCallbacks | undefined): WorkerCallbacks;
  ready(workers: readonly WorkerReport[], store: { readonly url: string; readonly namespace: string }): void;
  draining(drainMs: number): void;
  drained(): void;
}

/** Writes to standard output: these lines are what the command is for. */
export function workerEvents({ out }: Surroundings, json: boolean): WorkerEvents {
  const outcomes = new Map<ItemOutcome["outcome"], number>();
  const countOf = (outcome: ItemOutcome["outcome"]): number => outcomes.get(outcome) ?? 0;
  const say = (event: string, sentence: string, data: Readonly<Record<string, unknown>>): void => {
    out.line(json ? jsonLine({ event, ...data }) : plainLine(sentence));
  };

  return {
    counting(callbacks = {}) {
      return {
        ...callbacks,
        onItemProcessed(event) {
          outcomes.set(event.outcome, countOf(event.outcome) + 1);
          return callbacks.onItemProcessed?.(event);
        },
      };
    },
    ready(workers, store) {
      const [first] = workers;
      const slots = workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
      const workflows = first?.versions ?? [];
      const count = workers.length === 1 ? "1 worker" : `${workers.length} workers`;
      say(
        "ready",
        `ready: ${count}, ${slots} slots, for ${workflows.join(", ")}, on ${store.url} (namespace ${store.namespace})`,
        {
          workers: workers.map(({ workerId }) => workerId),
          slots,
          workflows,
          ...store,
          pid: process.pid,
        },
      );
    },
    draining(drainMs) {
      const sentence = `draining: taking nothing more, finishing what is in hand for up to ${span(drainMs)}; once more ends at once`;
      say("draining", sentence, { drainMs });
    },
    drained() {
      const completed = countOf("completed") + countOf("held");
      const failed = countOf("retried") + countOf("failedOver") + countOf("failed");
      const returned = countOf("released") + countOf("lost");
      const givenBack = returned === 0 ? "" : `, ${returned} given back`;
      say("drained", `drained: ${completed} attempts completed, ${failed} failed${givenBack}`, {
        completed,
        failed,
        givenBack: returned,
      });
    },
  };
}
