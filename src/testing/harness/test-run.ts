/**
 * One run as a test sees it: how it stands, which way it took, and what its nodes were given. Everything is of the moment
 * at which it is asked; nothing here makes the run go on but `toEnd`.
 */

import { type Duration, formatDuration, toMilliseconds } from "../../core/duration.ts";
import { MillraceError } from "../../core/errors.ts";
import { isTerminalRun } from "../../core/status.ts";
import type {
  AnswerOf,
  AttemptFailureInfo,
  ByName,
  ContextView,
  DistributedOrchestrator,
  RunExplanation,
  RunFailureInfo,
  RunHandle,
  RunStatus,
  WaitInfo,
  WaitNames,
  Workflow,
  WorkflowTypes,
} from "../../index.ts";
import type { Crew } from "./crew.ts";
import type { Journal, NodeExecution, PathStep } from "./journal.ts";
import { checkNode } from "./mocked-workflow.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** The names of a workflow's nodes. */
export type NodeName<T extends WorkflowTypes> = keyof T["nodes"] & string;

/** What executions of a node are shown to have been given: for a join all that arrived. */
type GivenTo<IO> = IO extends { readonly in: infer I; readonly of: string }
  ? [I] extends [ByName<infer M>]
    ? { readonly [K in keyof M]?: M[K] | undefined }
    : readonly I[]
  : IO extends { readonly in: infer I }
    ? I
    : never;

/** One run under test. */
export interface TestRun<T extends WorkflowTypes = WorkflowTypes> {
  readonly id: string;
  /** The same run for everything that a test has no words for: `cancel`, `pause`, `watch`, … */
  readonly handle: RunHandle<T>;
  status(): Promise<RunStatus>;
  /** Its output. Throws `RUN_OPEN` for a run that has not ended, saying what it waits for, `RUN_FAILED`, `RUN_CANCELLED`. */
  output(): Promise<T["output"]>;
  /** Why it failed or was cancelled. */
  failure(): Promise<RunFailureInfo | undefined>;
  /** The shared context as of now. */
  context(): Promise<ContextView<T["fields"]>>;
  /** Every attempt that has ended, in the order of their commits. */
  path(): readonly PathStep<NodeName<T>>[];
  /** Every call of a node's body or mock, in order. Throws `INVALID_VALUE` for the name of no node. */
  executions<K extends NodeName<T>>(node: K): readonly NodeExecution<GivenTo<T["nodes"][K]>>[];
  /** What it waits for from outside, longest first. */
  waits(): Promise<readonly WaitInfo[]>;
  /** Gives the wait at a node its answer, and settles. Throws as `handle.complete`: `WAIT_NOT_FOUND`, `INVALID_INPUT`. */
  complete<K extends WaitNames<T>>(node: K, payload: AnswerOf<T, K>): Promise<void>;
  /** Every failed attempt that was committed, oldest first. */
  errors(): Promise<readonly AttemptFailureInfo[]>;
  /** What it waits for, since when, and who can release it. */
  explain(): Promise<RunExplanation>;
  /**
   * Lets as much time pass as it takes until the run has ended, and gives its status. Throws `TIMEOUT` if it has not
   * after `within` (30 days if absent), or as soon as nothing is left that time could bring; the message says what it
   * waits for.
   */
  toEnd(options?: { readonly within?: Duration | undefined }): Promise<RunStatus>;
}

export interface TestRunPorts<T extends WorkflowTypes> {
  readonly workflow: Workflow<T>;
  readonly orchestrator: DistributedOrchestrator;
  readonly journal: Journal;
  readonly time: VirtualTime;
  readonly crew: Crew;
  /** Whether the test's own code waits for time. */
  isSomebodySleeping(): boolean;
}

const WITHIN: Duration = "30d";

/** A run as the test sees it. */
export function testRun<T extends WorkflowTypes>(handle: RunHandle<T>, ports: TestRunPorts<T>): TestRun<T> {
  const { workflow, orchestrator, journal, time, crew } = ports;
  const { id } = handle;
  return Object.freeze({
    id,
    handle,
    status: () => handle.status(),
    output: () => outputOf(handle, orchestrator),
    failure: async () => (await orchestrator.getRun(id))?.failure,
    context: () => handle.context(),
    // Only nodes of the workflow are on its path.
    path: () => journal.path(id) as readonly PathStep<NodeName<T>>[],
    executions<K extends NodeName<T>>(node: K) {
      checkNode(workflow, node);
      // What was delivered to a node is what its types say; the compiler checked the edges.
      return journal.executions(id, node) as readonly NodeExecution<GivenTo<T["nodes"][K]>>[];
    },
    waits: () => handle.waits(),
    async complete<K extends WaitNames<T>>(node: K, payload: AnswerOf<T, K>) {
      await handle.complete(node, payload);
      await time.settle();
      crew.check();
    },
    errors: () => errorsOf(orchestrator, id),
    explain: () => orchestrator.explain(id),
    toEnd: (options: { readonly within?: Duration | undefined } = {}) => toEnd(handle, ports, options.within ?? WITHIN),
  });
}

async function outputOf<T extends WorkflowTypes>(
  handle: RunHandle<T>,
  orchestrator: DistributedOrchestrator,
): Promise<T["output"]> {
  if (isTerminalRun(await handle.status())) return await handle.result();
  const { sentence } = await orchestrator.explain(handle.id);
  throw new MillraceError("RUN_OPEN", `there is no output yet. ${sentence}`, {
    runId: handle.id,
    hints: ['Await settle(), advance("…") or the run\'s toEnd() first.'],
  });
}

async function errorsOf(orchestrator: DistributedOrchestrator, runId: string): Promise<readonly AttemptFailureInfo[]> {
  const errors: AttemptFailureInfo[] = [];
  let cursor: string | undefined;
  do {
    const page = await orchestrator.errors(runId, { cursor });
    errors.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return errors;
}

async function toEnd<T extends WorkflowTypes>(
  handle: RunHandle<T>,
  { orchestrator, time, crew, isSomebodySleeping }: TestRunPorts<T>,
  within: Duration,
): Promise<RunStatus> {
  const withinMs = toMilliseconds(within, "within");
  let status = await handle.status();
  let isStuck = false;
  const hasEnded = await time.until(async () => {
    crew.check();
    status = await handle.status();
    isStuck = !isTerminalRun(status) && !crew.isExpecting && !isSomebodySleeping();
    return isStuck || isTerminalRun(status);
  }, time.clock.monotonic() + withinMs);
  if (hasEnded && !isStuck) return status;
  const { sentence } = await orchestrator.explain(handle.id);
  const why = isStuck ? "however much time passes" : `within ${formatDuration(withinMs)} of the test's time`;
  throw new MillraceError("TIMEOUT", `the run does not end ${why}. ${sentence}`, { runId: handle.id });
}
