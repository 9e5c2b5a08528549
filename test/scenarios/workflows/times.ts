/**
 * A run that waits twice: for the second attempt of a step, and in a sleep. What the clock of the process says is traced by
 * every body.
 */

import { context, field, next, node, sleep, unchecked, workflow } from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";

export const RETRY_MS = 300;
export const SLEEP_MS = 400;

/** A line of the trace `clocks`. */
export interface ClockLine {
  readonly runId: string;
  readonly attempt: number;
  /** By the clock of the process. */
  readonly at: number;
}

const Attempts = context({ attempts: field.eventLog<number>() });

const stumble = node({
  input: unchecked<number>(),
  retry: { maxAttempts: 3, initialBackoff: RETRY_MS, strategy: "fixed", jitter: "none" },
  run({ input, runId, attempt }) {
    trace("clocks", { runId, attempt, at: Date.now() } satisfies ClockLine);
    if (attempt === 1) throw new Error("not yet");
    return next(input);
  },
});

const doze = sleep(unchecked<number>(), SLEEP_MS);

const wake = node({
  context: Attempts,
  input: unchecked<number>(),
  run({ input, runId, attempt, context: { attempts } }) {
    trace("clocks", { runId, attempt, at: Date.now() } satisfies ClockLine);
    attempts.append(attempt);
    return next(input + 1);
  },
});

export const times = workflow({
  name: "times",
  version: "1.0.0",
  context: Attempts,
  nodes: { stumble, doze, wake },
  start: "stumble",
  edges: { stumble: "doze", doze: "wake", wake: [] },
});
