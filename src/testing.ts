/**
 * `millrace/testing`: what users test their workflows with (`testWorkflow`, `crashEverywhere`, a clock and chance to go
 * with them), and what a backend proves itself with. All of it runs under any test framework and brings none along.
 */

import "./node-version.ts";

export { type ManualClock, manualClock, seededIds, seededRandom } from "./core/ports.ts";
export type { BrokenBackend } from "./testing/broken/broken-backend.ts";
export { brokenBackends } from "./testing/broken/broken-backends.ts";
export type { ConformanceCase, ConformanceNeed } from "./testing/conformance/conformance-case.ts";
export { type BackendDump, dumpBackend, dumpRun, type RunDump } from "./testing/conformance/dump.ts";
export { ConformanceFailure } from "./testing/conformance/expectation.ts";
export type {
  ConformanceClock,
  ConformanceFactory,
  ConformanceHarness,
  NamespaceOption,
} from "./testing/conformance/harness.ts";
export {
  type ConformanceFramework,
  type ConformanceReport,
  conformanceCases,
  runConformance,
} from "./testing/conformance/suite.ts";
export {
  CrashDifference,
  type CrashEverywhereOptions,
  type CrashReport,
  type CrashSpot,
  crashEverywhere,
} from "./testing/harness/crash-everywhere.ts";
export type { CrashPlace, FailurePlace } from "./testing/harness/crash-plans.ts";
export type { CrewOptions } from "./testing/harness/crew.ts";
export type { ExecutionOutcome, NodeExecution, PathOutcome, PathStep } from "./testing/harness/journal.ts";
export { failing, failTimes, type Mock, type MockArgs, type Mocks, type RealNode } from "./testing/harness/mocks.ts";
export type { NodeName, TestRun } from "./testing/harness/test-run.ts";
export { type TestOptions, testWorkflow, type WorkflowTest } from "./testing/harness/workflow-test.ts";
