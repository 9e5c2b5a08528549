/**
 * Bodies that wait until their scenario lets them go, by a gate of their process: one that lets everything else happen
 * meanwhile, and one that lets nothing happen. What they see is traced; what they change is one event.
 */

import { pid } from "node:process";
import { context, field, isMillraceError, next, node, unchecked, workflow } from "../../../src/index.ts";
import { gate, gateStandingStill, trace } from "../harness/traces.ts";

const Effects = context({ effects: field.eventLog<{ readonly pid: number }>() });

/** A line of the trace `bodies`. */
export interface BodyLine {
  readonly runId: string;
  readonly attempt: number;
  readonly event: "started" | "aborted" | "finished";
  /** Why it was aborted. */
  readonly code?: string;
}

/** The gate that a process waits at for a run. */
export function gateOf(process: number, runId: string): string {
  return `release-${process}-${runId}`;
}

const waiting = node({
  context: Effects,
  input: unchecked<null>(),
  async run({ context: { effects }, signal, runId, attempt }) {
    const tell = (event: BodyLine["event"], code?: string): void => trace("bodies", { runId, attempt, event, code });
    signal.addEventListener("abort", () => tell("aborted", isMillraceError(signal.reason) ? signal.reason.code : ""));
    tell("started");
    effects.append({ pid });
    await gate(gateOf(pid, runId), signal);
    tell("finished");
    return next({ pid });
  },
});

const standing = node({
  context: Effects,
  input: unchecked<null>(),
  run({ context: { effects }, runId, attempt }) {
    trace("bodies", { runId, attempt, event: "started" });
    effects.append({ pid });
    gateStandingStill(gateOf(pid, runId));
    trace("bodies", { runId, attempt, event: "finished" });
    return next({ pid });
  },
});

const lastly = node({
  input: unchecked<{ readonly pid: number }>(),
  async run({ input, signal }) {
    await gate("lastly", signal);
    return next(input);
  },
});

/** Its output is the process whose commit counted. */
export const patient = workflow({
  name: "patient",
  version: "1.0.0",
  context: Effects,
  nodes: { waiting },
  start: "waiting",
  edges: { waiting: [] },
});

/** The same, and then it stays open until the gate `lastly` is. */
export const standingStill = workflow({
  name: "standing-still",
  version: "1.0.0",
  context: Effects,
  nodes: { standing, lastly },
  start: "standing",
  edges: { standing: "lastly", lastly: [] },
});
