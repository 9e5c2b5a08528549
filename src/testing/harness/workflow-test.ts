/**
 * `testWorkflow`: a workflow on the real engine (executor, worker, orchestrator) over a store in memory, in time that only
 * the test moves, with the bodies and the mishaps that the test chooses. It asserts nothing and needs no test framework:
 * what it gives is there to be asserted on. Invariant: the same test with the same seed gives the same history.
 */

import type { BackendOperations } from "../../backend/contract/operations.ts";
import { type Duration, toMilliseconds } from "../../core/duration.ts";
import { type Instant, toInstant } from "../../core/instant.ts";
import { type Clock, seededIds, seededRandom } from "../../core/ports.ts";
import {
  DistributedOrchestrator,
  type Event,
  type EventToSend,
  type InferInput,
  MemoryWorld,
  memory,
  type SendResult,
  type StandardSchema,
  type StartOptions,
  type Workflow,
  type WorkflowTypes,
} from "../../index.ts";
import { Activity } from "./activity.ts";
import { type CrashPlace, CrashPlans, type FailurePlace } from "./crash-plans.ts";
import type { CommitPoint, CrashSide } from "./crashing-line.ts";
import { Crew, type CrewOptions } from "./crew.ts";
import { Journal } from "./journal.ts";
import { checkNode, mockedWorkflow } from "./mocked-workflow.ts";
import type { Mocks } from "./mocks.ts";
import { type NodeName, type TestRun, testRun } from "./test-run.ts";
import { VirtualTime } from "./virtual-time.ts";

/** How a workflow is tested. All may be left out. */
export interface TestOptions<T extends WorkflowTypes = WorkflowTypes> extends CrewOptions {
  /** What stands in for the bodies of nodes, by their names. */
  readonly mocks?: Mocks<T> | undefined;
  /** The time at which the test begins; the start of 2026 (UTC) if absent. */
  readonly startAt?: Instant | undefined;
  /** What everything random depends on: jitter of retries, ids. 1 if absent. */
  readonly seed?: number | undefined;
  /** How long, in real time, a body that waits for something outside of the test is waited for; 1 s if absent. */
  readonly patience?: Duration | undefined;
}

/** A workflow under test. */
export interface WorkflowTest<T extends WorkflowTypes = WorkflowTypes> extends AsyncDisposable {
  /** The test's time, for mocks and nodes that wait: `await t.clock.sleep(60_000)`. */
  readonly clock: Clock;
  /** For everything that a test has no words for. */
  readonly orchestrator: DistributedOrchestrator;
  /** Now, in the test's time: milliseconds since 1970. */
  now(): number;
  /** Starts a run; it goes on by itself as far as it can without time. Throws as `startRun`. */
  start(input: T["input"], options?: StartOptions<T>): Promise<TestRun<T>>;
  /** Runs everything that can go on without time: until all that is left waits for an instant, or for somebody. */
  settle(): Promise<void>;
  /** Moves time on by this much, stopping at each instant at which something is due, and settles after each. */
  advance(by: Duration): Promise<void>;
  /** Sends an event, and settles. Throws as `orchestrator.sendEvent`. */
  sendEvent<P extends StandardSchema>(
    event: Event<P> | string,
    options: EventToSend<NoInfer<InferInput<P>>>,
  ): Promise<SendResult>;
  /** The node fails with this error instead of running: at the attempts that are named, or at every one. */
  fail(node: NodeName<T>, error: unknown, place?: FailurePlace): void;
  /** Once, the worker vanishes when the node's body has run and nothing is committed. Its lease runs out, another takes over. */
  crashBeforeCommit(node: NodeName<T>, place?: CrashPlace): void;
  /** Once, the worker vanishes when the node's attempt is committed and it has not heard of it. */
  crashAfterCommit(node: NodeName<T>, place?: CrashPlace): void;
  /** All workers vanish now, whatever they do; others take their place. */
  crash(): void;
  /** Stops the workers and frees everything. Idempotent. */
  close(): Promise<void>;
}

const START_AT = "2026-01-01T00:00:00Z";
const PATIENCE_MS = 1_000;

/**
 * Puts a workflow under test: the real engine over a store in memory, in virtual time, with mocks. For
 * `await using t = await testWorkflow(orders, { mocks })`. Throws `INVALID_VALUE` for a mock of no node.
 */
export async function testWorkflow<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  options: TestOptions<NoInfer<T>> = {},
): Promise<WorkflowTest<T>> {
  const plans = new CrashPlans();
  const { test } = await openTest<T>(workflow, options, plans, (point) => plans.crashAt(point));
  return test;
}

/** The same with another say on where workers vanish. */
export async function openTest<T extends WorkflowTypes>(
  workflow: Workflow<T>,
  options: TestOptions<T>,
  plans: CrashPlans,
  crashAt: (point: CommitPoint) => CrashSide | undefined,
): Promise<{ readonly test: WorkflowTest<T>; readonly operations: BackendOperations }> {
  const { mocks = {}, startAt = START_AT, seed = 1, patience = PATIENCE_MS, logger } = options;
  const activity = new Activity(toMilliseconds(patience, "patience"));
  const time = new VirtualTime(toInstant(startAt, "startAt"), activity);
  const { clock } = time;
  const journal = new Journal();
  const random = seededRandom(seed);
  const ids = seededIds(random);
  const tested = mockedWorkflow(workflow, {
    ...{ mocks, journal, activity },
    now: () => clock.now(),
    chosenFailure: (node, attempt) => plans.failureAt(node, attempt),
  });
  const backend = memory({ world: new MemoryWorld(clock) });
  const { operations } = backend;
  const crew = new Crew(
    { ...{ operations, workflow: tested, clock, random, ids, journal, activity, crashAt } },
    options,
  );
  const orchestrator = new DistributedOrchestrator({ backend, workflows: [tested], clock, ids, logger });
  crew.start();
  const settle = async (): Promise<void> => {
    await time.settle();
    crew.check();
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= closeAll(crew, time, activity, () => backend.close());
    return closing;
  };
  await settle();
  const test: WorkflowTest<T> = {
    clock: time.waited,
    orchestrator,
    now: () => clock.now(),
    async start(input: T["input"], starting?: StartOptions<T>) {
      const handle = await orchestrator.startRun<Workflow<T>>(tested, input, starting);
      const isSomebodySleeping = (): boolean => activity.isSomebodySleeping;
      return testRun<T>(handle, { workflow: tested, orchestrator, journal, time, crew, isSomebodySleeping });
    },
    settle,
    async advance(by: Duration) {
      await time.advance(by);
      crew.check();
    },
    async sendEvent<P extends StandardSchema>(event: Event<P> | string, sent: EventToSend<NoInfer<InferInput<P>>>) {
      const result = await orchestrator.sendEvent<P>(event, sent);
      await settle();
      return result;
    },
    fail(node: NodeName<T>, error: unknown, place: FailurePlace = {}) {
      checkNode(workflow, node);
      plans.fail(node, error, place);
    },
    crashBeforeCommit(node: NodeName<T>, place: CrashPlace = {}) {
      checkNode(workflow, node);
      plans.crash("before", node, place);
    },
    crashAfterCommit(node: NodeName<T>, place: CrashPlace = {}) {
      checkNode(workflow, node);
      plans.crash("after", node, place);
    },
    crash: () => crew.crash(),
    close,
    [Symbol.asyncDispose]: close,
  };
  return { test: Object.freeze(test), operations };
}

/** Signing off may take time, of which there is none unless it is moved. */
const LONGEST_CLOSE_MS = 60_000;

async function closeAll(
  crew: Crew,
  time: VirtualTime,
  activity: Activity,
  closeBackend: () => Promise<void>,
): Promise<void> {
  let isClosed = false;
  activity.leave();
  const closing = crew.close().finally(() => {
    isClosed = true;
  });
  await time.until(async () => isClosed, time.clock.monotonic() + LONGEST_CLOSE_MS);
  await closing;
  await closeBackend();
}
