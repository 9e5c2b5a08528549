/**
 * What a test can ask about afterwards: every execution of a body, and every attempt that came to an end, in the order in
 * which that happened. It only takes notes. Invariant: the path holds an entry for each attempt that the store accepted,
 * and one for each that a crash cut off.
 */

/** How a body ended: by which transition, by throwing, or not yet. */
export type ExecutionOutcome = "next" | "nextAll" | "hold" | "abort" | "threw" | "unfinished";

/** One call of a node's body, or of its mock. A body is called again for an attempt that lost to a conflict or a crash. */
export interface NodeExecution<I = unknown> {
  readonly itemId: string;
  /** From 1. */
  readonly attempt: number;
  /** Milliseconds since 1970, in the test's time. */
  readonly at: number;
  /** What an edge delivered; for a join all that arrived. */
  readonly input: I;
  readonly outcome: ExecutionOutcome;
  /** What it threw, or the reason that it aborted with. */
  readonly error?: unknown;
}

/** How an attempt ended. */
export type PathOutcome =
  | "waiting"
  | "completed"
  | "held"
  /** Failed, and is tried again. */
  | "retried"
  /** Failed for good, and its failure edge took over. */
  | "failedOver"
  /** Failed for good, and its run with it. */
  | "failed"
  /** Given back without an attempt used. */
  | "released"
  /** Refused: the run was closed, or another worker has the item. */
  | "lost"
  /** Its worker vanished before the outcome was committed. */
  | "crashed";

/** One step of the way that a run has taken. */
export interface PathStep<N extends string = string> {
  readonly node: N;
  readonly attempt: number;
  readonly outcome: PathOutcome;
}

/** The same with the run that it belongs to. */
export interface RunStep extends PathStep {
  readonly runId: string;
  readonly itemId: string;
}

interface Noted extends NodeExecution {
  readonly runId: string;
  readonly node: string;
  outcome: ExecutionOutcome;
  error?: unknown;
}

/** Where a body was called. */
export type BodyCall = Pick<Noted, "runId" | "node" | "itemId" | "attempt" | "at" | "input">;

/** Takes notes of one test. */
export class Journal {
  readonly #executions: Noted[] = [];
  readonly #steps: RunStep[] = [];

  /** A body is called; the returned function is told how it ended. */
  called(call: BodyCall): (outcome: ExecutionOutcome, error?: unknown) => void {
    const noted: Noted = { ...call, outcome: "unfinished" };
    this.#executions.push(noted);
    return (outcome, error) => {
      noted.outcome = outcome;
      if (error !== undefined) noted.error = error;
    };
  }

  ended(step: RunStep): void {
    this.#steps.push(step);
  }

  executions(runId: string, node: string): readonly NodeExecution[] {
    return this.#executions
      .filter((one) => one.runId === runId && one.node === node)
      .map(({ itemId, attempt, at, input, outcome, error }) => ({
        ...{ itemId, attempt, at, input, outcome },
        ...(error === undefined ? {} : { error }),
      }));
  }

  path(runId: string): readonly PathStep[] {
    return this.#steps
      .filter((step) => step.runId === runId)
      .map(({ node, attempt, outcome }) => ({ node, attempt, outcome }));
  }
}
