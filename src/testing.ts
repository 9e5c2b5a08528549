/**
 * `millrace/testing`: what a backend proves itself with. The conformance suite runs under any test framework and brings
 * none along.
 */

import "./node-version.ts";

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
