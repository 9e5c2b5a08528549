/**
 * The orchestrator: starts runs, looks at them and controls them, from any process that reaches the store. It has no
 * state that matters, executes no node, and any number of them may work side by side. Everything it does is one atomic
 * step of the backend or a read. Every method that is given a run throws `RUN_NOT_FOUND` if there is none.
 */

import type { Page, PageRequest } from "../backend/contract/run.ts";
import type { ItemFilter } from "../backend/contract/work-item.ts";
import { type Duration, toMilliseconds } from "../core/duration.ts";
import type { MillraceError } from "../core/errors.ts";
import { DEFAULTS, LIMITS } from "../core/limits.ts";
import { type Clock, type Ids, type Logger, systemClock, systemIds } from "../core/ports.ts";
import type { RunStatus, WorkItemStatus } from "../core/status.ts";
import type { ContextInit, ContextView } from "../definition/context/field.ts";
import type { InferInput, StandardSchema } from "../definition/schema.ts";
import type { Event } from "../definition/waits/event.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import type { InputOf, NameOf, TypesOf, WorkflowTypes } from "../definition/workflow-types.ts";
import { loggerFor } from "../logging/logger-option.ts";
import { allPages } from "../stores/all-pages.ts";
import type { Backend } from "../stores/backend.ts";
import type { AttemptFailureInfo } from "../stores/errors.ts";
import { readProgress, withProgress } from "../stores/item-progress.ts";
import { publishedDefinitions } from "../stores/published-definitions.ts";
import { type ControlOptions, control, requireRunState, runNotFound } from "../stores/run-control.ts";
import { type RunInfo, toRunInfo } from "../stores/run-info.ts";
import type { RunOptions } from "../stores/run-start.ts";
import type { WaitInfo } from "../stores/wait-info.ts";
import { mapPage, toWorkItemInfo, type WorkItemInfo } from "../stores/work-item-info.ts";
import { requireItem } from "../stores/work-items.ts";
import type { WorkerHealthInfo, WorkerInfo } from "../stores/worker-info.ts";
import { type AwaitOptions, awaitEnd } from "./await-run.ts";
import type { BulkOptions, BulkResult } from "./bulk.ts";
import { cancelRuns, deleteRuns, pauseRuns, resumeRuns, retryRuns } from "./bulk-control.ts";
import {
  type CancelOptions,
  type ControlResult,
  cancelRun,
  completeRun,
  pauseRun,
  type ResumeOptions,
  type RetryOptions,
  resumeRun,
  retryRun,
} from "./control.ts";
import { type EventToSend, type SendResult, sendEvent } from "./events.ts";
import { explainer } from "./explain/explainer.ts";
import type { ItemExplanation } from "./explain/item-sentence.ts";
import type { RunExplanation } from "./explain/run-sentence.ts";
import { type HistoryEntry, readHistory } from "./history.ts";
import { knownWorkflows } from "./known-workflows.ts";
import { type AttemptLogLine, type ListLogsOptions, readLogs } from "./logs.ts";
import type { Orchestration } from "./orchestration.ts";
import { type RunHandle, readView, runHandle } from "./run-handle.ts";
import { gatherMetrics, type RunMetrics } from "./run-metrics.ts";
import { describeRun } from "./run-outcome.ts";
import { type RunConditions, type RunSelection, toRunFilter } from "./run-selection.ts";
import { Schedules } from "./schedules.ts";
import { findSource, type StartEvent, startMany, startOne } from "./start.ts";
import { completeWait, type ListWaitsOptions, listWaits } from "./waits.ts";
import { type RunEvent, type WatchOptions, watchRun } from "./watch.ts";
import {
  type Backlog,
  checkLiveness,
  type LivenessOptions,
  listWorkerHealth,
  listWorkers,
  readBacklog,
  type WorkerLiveness,
} from "./workers.ts";

/** What an orchestrator is made with. */
export interface OrchestratorOptions {
  readonly backend: Backend;
  /** Code at hand: it checks inputs, and folds contexts. Runs of other workflows can be controlled all the same. */
  readonly workflows?: readonly Workflow[] | undefined;
  readonly clock?: Clock | undefined;
  readonly ids?: Ids | undefined;
  /** What `MILLRACE_LOG` asks for if absent, which is nothing unless it is set. */
  readonly logger?: Logger | undefined;
}

/** How a run is started. All may be left out. */
export interface StartOptions<T extends WorkflowTypes = WorkflowTypes> extends RunOptions {
  /** Initial values of the context, by field. */
  readonly context?: ContextInit<T["fields"]> | undefined;
  /** Events that are sent with the start, each once however often the start is repeated. */
  readonly events?: readonly StartEvent[] | undefined;
}

/** One run of many to start. */
export interface StartEntry<T extends WorkflowTypes = WorkflowTypes> extends StartOptions<T> {
  readonly input: T["input"];
}

/** What became of one start of many. */
export type Started<T extends WorkflowTypes = WorkflowTypes> =
  | {
      readonly ok: true;
      readonly handle: RunHandle<T>;
      /** Whether the run was there before. */
      readonly existing: boolean;
    }
  | { readonly ok: false; readonly error: MillraceError };

/** Which runs to list, and how many. */
export interface ListRunsOptions extends RunConditions, PageRequest {}

/** Which items to list. */
export interface ListItemsOptions extends PageRequest {
  readonly status?: WorkItemStatus | readonly WorkItemStatus[] | undefined;
  readonly node?: string | undefined;
}

/** Starts, watches and controls runs. */
export class DistributedOrchestrator {
  /** Runs that are to be started at given times. */
  readonly schedules: Schedules;
  readonly #parts: Orchestration;
  readonly #explain: ReturnType<typeof explainer>;

  /** Throws `VERSION_CONFLICT` for two workflows of one name and version. */
  constructor(options: OrchestratorOptions) {
    const { backend, workflows, clock = systemClock, ids = systemIds } = options;
    const { operations } = backend;
    const published = publishedDefinitions(operations);
    this.#parts = {
      backend,
      operations,
      workflows: knownWorkflows(operations, workflows),
      published,
      clock,
      ids,
      logger: loggerFor(options.logger),
    };
    this.#explain = explainer(this.#parts);
    this.schedules = new Schedules(this.#parts);
  }

  /**
   * Starts a run of a workflow, or by name: `startRun<typeof orders>("orders", input)` for a process that holds the
   * types alone; then the definition that was published last is used. Atomic; idempotent by id and by key. Throws
   * `INVALID_INPUT`, `INVALID_VALUE`, `PAYLOAD_TOO_LARGE`, `UNKNOWN_WORKFLOW`, `VERSION_CONFLICT`, `RUN_EXISTS`,
   * `IDEMPOTENCY_CONFLICT`.
   */
  async startRun<W extends Workflow = Workflow>(
    workflow: W | NameOf<W>,
    input: NoInfer<InputOf<W>>,
    options: StartOptions<NoInfer<TypesOf<W>>> = {},
  ): Promise<RunHandle<TypesOf<W>>> {
    const source = await findSource(this.#parts, workflow);
    const run = await startOne(this.#parts, source, { ...options, input });
    return this.handle<W>(workflow, run.id);
  }

  /**
   * Starts many runs of one workflow in few requests, each atomically and for itself; what became of each, in order.
   * Throws only what concerns all of them: `UNKNOWN_WORKFLOW`, `VERSION_CONFLICT`.
   */
  async startRuns<W extends Workflow = Workflow>(
    workflow: W | NameOf<W>,
    starts: readonly StartEntry<NoInfer<TypesOf<W>>>[],
  ): Promise<readonly Started<TypesOf<W>>[]> {
    const source = await findSource(this.#parts, workflow);
    const results = await startMany(this.#parts, source, starts);
    return results.map((result) =>
      result.ok ? { ok: true, handle: this.handle<W>(workflow, result.run.id), existing: result.existing } : result,
    );
  }

  /** The handle of a run that may exist. Asks nobody. */
  handle<W extends Workflow = Workflow>(workflow: W | NameOf<W>, id: string): RunHandle<TypesOf<W>> {
    return runHandle<TypesOf<W>>(this.#parts, id, typeof workflow === "string" ? undefined : workflow);
  }

  /** A run, with its output in every completion mode; `undefined` for an unknown id. */
  async getRun(runId: string): Promise<RunInfo | undefined> {
    const run = await this.#parts.operations.read.run(runId);
    return run && describeRun(this.#parts.operations, run);
  }

  async status(runId: string): Promise<RunStatus> {
    return (await requireRunState(this.#parts.operations, runId)).status;
  }

  /** Newest first, by page. */
  async listRuns({ limit, cursor, ...conditions }: ListRunsOptions = {}): Promise<Page<RunInfo>> {
    return mapPage(await this.#parts.operations.read.runs(toRunFilter(conditions), { limit, cursor }), toRunInfo);
  }

  /** Closes a run in one write; its attempts in flight get their signal. Throws `RUN_CLOSED` for one that has ended otherwise. */
  cancel(runId: string, options?: CancelOptions): Promise<ControlResult>;
  /** The same of every run that is selected. Throws `INVALID_VALUE` for a selection without a condition, `CANCELLED`. */
  cancel(runs: RunSelection, options?: CancelOptions & BulkOptions): Promise<BulkResult>;
  async cancel(which: string | RunSelection, options: CancelOptions & BulkOptions = {}) {
    if (typeof which === "string") return cancelRun(this.#parts, which, options);
    return cancelRuns(this.#parts, which, options);
  }

  /** Nothing more of the run is claimed; attempts in flight may commit. Throws `RUN_CLOSED`. */
  pause(runId: string, options?: ControlOptions): Promise<ControlResult>;
  /** The same of every run that is selected. Throws as `cancel` of a selection. */
  pause(runs: RunSelection, options?: ControlOptions & BulkOptions): Promise<BulkResult>;
  async pause(which: string | RunSelection, options: ControlOptions & BulkOptions = {}) {
    if (typeof which === "string") return pauseRun(this.#parts, which, options);
    return pauseRuns(this.#parts, which, options);
  }

  /** Goes on with a paused run, or re-opens a failed or cancelled one. Throws `RUN_CLOSED`, `ILLEGAL_TRANSITION`. */
  resume(runId: string, options?: ResumeOptions): Promise<ControlResult>;
  /** The same of every run that is selected. Throws as `cancel` of a selection. */
  resume(runs: RunSelection, options?: ResumeOptions & BulkOptions): Promise<BulkResult>;
  async resume(which: string | RunSelection, options: ResumeOptions & BulkOptions = {}) {
    if (typeof which === "string") return resumeRun(this.#parts, which, options);
    return resumeRuns(this.#parts, which, options);
  }

  /** Re-opens a failed or cancelled run, or one item that failed for good. Throws `ILLEGAL_TRANSITION`, `ITEM_NOT_FOUND`, `INVALID_INPUT`. */
  retry(runId: string, options?: RetryOptions): Promise<ControlResult>;
  /** Re-opens every selected run that failed or was cancelled. Throws as `cancel` of a selection. */
  retry(runs: RunSelection, options?: ResumeOptions & BulkOptions): Promise<BulkResult>;
  async retry(which: string | RunSelection, options: RetryOptions & BulkOptions = {}) {
    if (typeof which === "string") return retryRun(this.#parts, which, options);
    return retryRuns(this.#parts, which, options);
  }

  /** Ends an open run with this output. Throws `RUN_CLOSED`, `INVALID_OUTPUT`. */
  completeRun(runId: string, output: unknown, options?: ControlOptions): Promise<ControlResult> {
    return completeRun(this.#parts, runId, output, options);
  }

  /** Waits until a run has ended, however, and gives it. Throws `TIMEOUT`, `CANCELLED`. */
  async waitForCompletion(runId: string, options?: AwaitOptions): Promise<RunInfo> {
    await awaitEnd(this.#parts, runId, options);
    const run = await this.getRun(runId);
    if (run === undefined) throw runNotFound(runId);
    return run;
  }

  /** Follows a run to its end. */
  watch(runId: string, options?: WatchOptions): AsyncIterable<RunEvent> {
    return watchRun(this.#parts, runId, options);
  }

  /** The shared context as of now; typed by `context<typeof orders>(runId)`. Throws `UNKNOWN_WORKFLOW` where the code is not at hand. */
  context<W extends Workflow = Workflow>(runId: string): Promise<ContextView<TypesOf<W>["fields"]>> {
    return this.#view<W>(runId, undefined);
  }

  /** The shared context as it was after this many deltas. Throws as `context`, and `INVALID_VALUE` for a sequence not reached. */
  contextAt<W extends Workflow = Workflow>(
    runId: string,
    sequence: number,
  ): Promise<ContextView<TypesOf<W>["fields"]>> {
    return this.#view<W>(runId, sequence);
  }

  /** Everything that happened to a run, oldest first. */
  history(runId: string): Promise<readonly HistoryEntry[]> {
    return readHistory(this.#parts.operations, runId);
  }

  /** Every failed attempt, the retried ones too, oldest first, by page. */
  errors(
    runId: string,
    page?: PageRequest & { readonly itemId?: string | undefined },
  ): Promise<Page<AttemptFailureInfo>> {
    return this.#parts.backend.errors.getErrors(runId, page);
  }

  /** What the nodes of a run logged, by page; of one item where its id is given. What `logger` was told, within its bounds. */
  logs(runId: string, options?: ListLogsOptions): Promise<Page<AttemptLogLine>> {
    return readLogs(this.#parts, runId, options);
  }

  /** The figures of a run. Reads all its items. */
  async metrics(runId: string): Promise<RunMetrics> {
    const { operations } = this.#parts;
    const run = await requireRunState(operations, runId);
    const gatherer = gatherMetrics();
    for await (const item of allPages((page) => operations.read.items({ runId }, page))) gatherer.addItem(item);
    for await (const metric of allPages((page) => operations.read.metrics(runId, page))) gatherer.addMetric(metric);
    return gatherer.result(run, await operations.now());
  }

  /** Items of a run that nobody has taken: ready, delayed, or waiting for a retry; by page. */
  pendingWork(runId: string, page?: PageRequest): Promise<Page<WorkItemInfo>> {
    return this.#parts.backend.queue.pendingWork(runId, page);
  }

  /** Items of a run, by number, by page. */
  async listWorkItems(runId: string, options: ListItemsOptions = {}): Promise<Page<WorkItemInfo>> {
    const { operations } = this.#parts;
    const { limit, cursor, status, node } = options;
    await requireRunState(operations, runId);
    const filter: ItemFilter = { runId, node, status: typeof status === "string" ? [status] : status };
    const page = await operations.read.items(filter, { limit, cursor });
    return { ...page, entries: await withProgress(operations, runId, page.entries) };
  }

  /** A work item by its id. Throws `ITEM_NOT_FOUND`. */
  async getWorkItem(itemId: string): Promise<WorkItemInfo> {
    const { operations } = this.#parts;
    const item = await requireItem(operations, itemId);
    const progress = await readProgress(operations, item.runId, [item]);
    return { ...toWorkItemInfo(item), progress: progress.get(item.item) };
  }

  /** What open runs wait for from outside, longest first, by page: inputs, events, results of tools, child runs. */
  listWaits(options: ListWaitsOptions = {}): Promise<Page<WaitInfo>> {
    return listWaits(this.#parts, options);
  }

  /**
   * Gives a wait its answer, and its item goes on, in one step; the same answer again changes nothing. Throws
   * `WAIT_NOT_FOUND`, `INVALID_INPUT` (the wait stays), `RUN_CLOSED`, `ILLEGAL_TRANSITION` where it had another answer.
   */
  completeWait(waitId: string, payload: unknown, options?: ControlOptions): Promise<ControlResult> {
    return completeWait(this.#parts, waitId, payload, options);
  }

  /**
   * Sends an event: to every wait that is there for it, or, if there is none, to the first that comes. Throws
   * `INVALID_INPUT`, `INVALID_VALUE`, `TOO_MANY_EVENTS`.
   */
  sendEvent<P extends StandardSchema>(
    event: Event<P> | string,
    options: EventToSend<NoInfer<InferInput<P>>>,
  ): Promise<SendResult> {
    return sendEvent(this.#parts, event, options);
  }

  /** Whether each worker that is known is alive, newest first. */
  liveness(options?: LivenessOptions): Promise<readonly WorkerLiveness[]> {
    return checkLiveness(this.#parts.operations, undefined, options);
  }

  /** Whether these workers are alive, in their order; one that nobody knows is dead. */
  checkWorkerLiveness(workerIds: readonly string[], options?: LivenessOptions): Promise<readonly WorkerLiveness[]> {
    return checkLiveness(this.#parts.operations, workerIds, options);
  }

  /** The workers that are known, newest first; stopped and dead ones too, until they are cleaned up. */
  listWorkers(): Promise<readonly WorkerInfo[]> {
    return listWorkers(this.#parts.operations);
  }

  /** How the workers are doing, newest first. */
  listWorkerHealth(options?: LivenessOptions): Promise<readonly WorkerHealthInfo[]> {
    return listWorkerHealth(this.#parts.operations, options);
  }

  /** What lies ready, by queue, workflow and labels, and who can take it. */
  backlog(options?: LivenessOptions): Promise<readonly Backlog[]> {
    return readBacklog(this.#parts.operations, options);
  }

  /** What a run waits for, since when, and who can release it. */
  explain(runId: string): Promise<RunExplanation> {
    return this.#explain.run(runId);
  }

  /** The same of one item. Throws `ITEM_NOT_FOUND`. */
  explainItem(itemId: string): Promise<ItemExplanation> {
    return this.#explain.item(itemId);
  }

  /** Removes a run that has ended and everything of it. Throws `RUN_OPEN`. */
  deleteRun(runId: string, options?: ControlOptions): Promise<void>;
  /** The same of every run that is selected; open ones are skipped. Throws as `cancel` of a selection. */
  deleteRun(runs: RunSelection, options?: ControlOptions & BulkOptions): Promise<BulkResult>;
  async deleteRun(which: string | RunSelection, options: ControlOptions & BulkOptions = {}): Promise<unknown> {
    if (typeof which !== "string") return deleteRuns(this.#parts, which, options);
    await control(this.#parts.operations, { kind: "delete", runId: which }, { actor: options.actor });
    return undefined;
  }

  /** Removes runs that ended longer ago than this, in small steps, and forgets workers that have been gone as long. The number of runs removed. */
  async cleanup({
    olderThan = DEFAULTS.retentionMs,
  }: {
    readonly olderThan?: Duration | undefined;
  } = {}): Promise<number> {
    const { operations } = this.#parts;
    const before = (await operations.now()) - toMilliseconds(olderThan, "olderThan");
    let removed = 0;
    for (;;) {
      const chunk = await operations.purge({ before, limit: LIMITS.purgeRuns });
      removed += chunk;
      if (chunk === 0) return removed;
    }
  }

  async #view<W extends Workflow>(runId: string, at: number | undefined): Promise<ContextView<TypesOf<W>["fields"]>> {
    // The caller's word for the run's workflow.
    const view: unknown = await readView(this.#parts, runId, at);
    return view as ContextView<TypesOf<W>["fields"]>;
  }
}
