/**
 * A body that lets nothing else of its process happen for a while, in the two ways there are: by being busy, and by
 * waiting. One workflow has time enough for it, the other has not. `quick` is for the workers beside it.
 */

import { pid } from "node:process";
import { next, node, unchecked, workflow } from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";

interface Blockade {
  readonly how: "busy" | "waiting";
  readonly ms: number;
}

/** A line of the trace `blocked`: the body begins, or is over. */
export interface BlockLine {
  readonly runId: string;
  readonly attempt: number;
  readonly event: "started" | "finished";
}

function block({ how, ms }: Blockade): void {
  if (how === "waiting") {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    return;
  }
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt);
}

const blocks = node({
  input: unchecked<Blockade>(),
  run({ input, runId, attempt }) {
    trace("blocked", { runId, attempt, event: "started" });
    block(input);
    trace("blocked", { runId, attempt, event: "finished" });
    return next({ pid, attempt });
  },
});

const blocksOnce = node({
  input: unchecked<Blockade>(),
  timeout: "700ms",
  retry: { maxAttempts: 2, initialBackoff: "1ms", jitter: "none" },
  run({ input, runId, attempt }) {
    trace("blocked", { runId, attempt, event: "started" });
    if (attempt === 1) block(input);
    trace("blocked", { runId, attempt, event: "finished" });
    return next({ pid, attempt });
  },
});

const passes = node({ input: unchecked<null>(), run: () => next({ pid }) });

export const blocking = workflow({
  name: "blocking",
  version: "1.0.0",
  nodes: { blocks },
  start: "blocks",
  edges: { blocks: [] },
});

export const blockingTooLong = workflow({
  name: "blocking-too-long",
  version: "1.0.0",
  nodes: { blocksOnce },
  start: "blocksOnce",
  edges: { blocksOnce: [] },
});

export const quick = workflow({
  name: "quick",
  version: "1.0.0",
  nodes: { passes },
  start: "passes",
  edges: { passes: [] },
});
