/**
 * The handle of one run, typed by its workflow: a name for the run and the operations on it, without any state. Making
 * one asks nobody whether the run exists; its methods throw `RUN_NOT_FOUND` when it does not.
 */

import type { RunStatus } from "../core/status.ts";
import { contextView } from "../definition/context/context-view.ts";
import type { ContextView } from "../definition/context/field.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { AnswerOf, WaitNames, WorkflowTypes } from "../definition/workflow-types.ts";
import { allPages } from "../stores/all-pages.ts";
import { readContext } from "../stores/context-reading.ts";
import type { ControlOptions } from "../stores/run-control.ts";
import { requireRunState, runNotFound } from "../stores/run-control.ts";
import { toWaitInfo, type WaitInfo } from "../stores/wait-info.ts";
import { type AwaitOptions, awaitEnd } from "./await-run.ts";
import { type CancelOptions, cancelRun, pauseRun, type ResumeOptions, resumeRun } from "./control.ts";
import { type Orchestration, shapeOfRun } from "./orchestration.ts";
import { outputOf } from "./run-outcome.ts";
import { completeWait, waitAt } from "./waits.ts";
import { type RunEvent, type WatchOptions, watchRun } from "./watch.ts";

/** One run, typed by its workflow. */
export interface RunHandle<T extends WorkflowTypes = WorkflowTypes> {
  readonly id: string;
  /**
   * Waits for the end of the run and gives its output. Throws `RUN_FAILED` (its `cause` is what the run failed with),
   * `RUN_CANCELLED`, `TIMEOUT`, `CANCELLED` by the signal, `RUN_NOT_FOUND`. The run goes on when the wait is given up.
   */
  result(options?: AwaitOptions): Promise<T["output"]>;
  status(): Promise<RunStatus>;
  /** The shared context as of now, or of an earlier sequence. Throws `UNKNOWN_WORKFLOW` where the code is not at hand. */
  context(options?: { readonly at?: number | undefined }): Promise<ContextView<T["fields"]>>;
  /** Closes the run; does nothing to one that is cancelled. Throws `RUN_CLOSED` for one that has ended otherwise. */
  cancel(options?: CancelOptions): Promise<void>;
  /** Nothing more is claimed; attempts in flight may commit. Throws `RUN_CLOSED`. */
  pause(options?: ControlOptions): Promise<void>;
  /** Goes on with a paused run, or re-opens a failed or cancelled one. Throws `RUN_CLOSED`, `ILLEGAL_TRANSITION`. */
  resume(options?: ResumeOptions): Promise<void>;
  /** What it waits for from outside, longest first: inputs, events, results of tools, child runs. */
  waits(): Promise<readonly WaitInfo[]>;
  /**
   * Gives the wait at a node its answer. Throws `WAIT_NOT_FOUND` if nothing waits there, `INVALID_INPUT` (the wait stays),
   * and `INVALID_VALUE` where several items do: then `orchestrator.completeWait` takes the id of one.
   */
  complete<K extends WaitNames<T>>(node: K, payload: AnswerOf<T, K>, options?: ControlOptions): Promise<void>;
  /** Follows the run to its end. */
  watch(options?: WatchOptions): AsyncIterable<RunEvent<NodeNames<T["nodes"]>>>;
}

/** Any name where the nodes are not known: a typed handle passes for one without types. */
type NodeNames<Nodes> = unknown extends Nodes ? string : keyof Nodes & string;

/** A handle; `workflow` gives the code where the orchestrator was not told of it. */
export function runHandle<T extends WorkflowTypes>(
  orchestration: Orchestration,
  id: string,
  workflow: Workflow | undefined,
): RunHandle<T> {
  const { operations } = orchestration;
  return Object.freeze({
    id,
    // What the run gave is what the workflow's types say; nobody can check it again without its code.
    result: async (options?: AwaitOptions) => (await resultOf(orchestration, id, options)) as T["output"],
    status: async () => (await requireRunState(operations, id)).status,
    async context(options: { readonly at?: number | undefined } = {}) {
      const view: unknown = await readView(orchestration, id, options.at, workflow);
      return view as ContextView<T["fields"]>;
    },
    async cancel(options?: CancelOptions) {
      await cancelRun(orchestration, id, options);
    },
    async pause(options?: ControlOptions) {
      await pauseRun(orchestration, id, options);
    },
    async resume(options?: ResumeOptions) {
      await resumeRun(orchestration, id, options);
    },
    async waits() {
      const waits: WaitInfo[] = [];
      await requireRunState(operations, id);
      for await (const wait of allPages((page) => operations.read.waits({ runId: id }, page)))
        waits.push(toWaitInfo(wait));
      return waits;
    },
    async complete(node: string, payload: unknown, options?: ControlOptions) {
      await completeWait(orchestration, await waitAt(orchestration, id, node), payload, options);
    },
    watch: (options?: WatchOptions) => watchRun<NodeNames<T["nodes"]>>(orchestration, id, options),
  });
}

/** Waits for the end of a run and gives its output, decoded. */
async function resultOf(orchestration: Orchestration, runId: string, options?: AwaitOptions): Promise<unknown> {
  const { operations } = orchestration;
  for (;;) {
    const { generation } = await awaitEnd(orchestration, runId, options);
    const run = await operations.read.run(runId);
    if (run === undefined) throw runNotFound(runId);
    // Somebody may have resumed it in between; then it is waited for again.
    if (run.generation === generation && run.finishedAt !== undefined) return outputOf(operations, run);
  }
}

/** The context of a run as readers see it. */
export async function readView(
  orchestration: Orchestration,
  runId: string,
  at: number | undefined,
  workflow?: Workflow,
): Promise<ContextView<Record<never, never>>> {
  const shape = await shapeOfRun(orchestration, runId, workflow);
  const folded = await readContext(orchestration.operations, runId, shape, at);
  if (folded === undefined) throw runNotFound(runId);
  return contextView(shape, folded.state, folded.sequence);
}
