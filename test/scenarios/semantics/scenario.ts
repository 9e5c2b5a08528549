/**
 * What a scenario of the catalogue is: a workflow, what goes in, and what must have come of it, as data. Nothing here
 * knows where it is run, so that the same scenario holds on every store and with any number of processes; and nothing
 * here needs a test runner, since worker processes load it too.
 */

import type { Workflow, WorkItemStatus } from "../../../src/index.ts";

export interface Scenario {
  /** A sentence about what must happen. */
  readonly title: string;
  readonly workflow: Workflow;
  readonly input?: unknown;
  /** Initial values of the context, by field. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  readonly expected: Expected;
}

/** What must have come of a run. Only what is named is looked at, but a run without `failure` must have completed. */
export interface Expected {
  readonly output?: unknown;
  readonly failure?: ExpectedFailure | undefined;
  /** By field: its value; of an event log the events without their origin. */
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  /** By node: how many of its items have which status, and no others. */
  readonly items?: Readonly<Record<string, Readonly<Partial<Record<WorkItemStatus, number>>>>> | undefined;
  /** Every failed attempt, as `node#attempt CODE outcome`; in any order where items are concurrent. */
  readonly errors?: readonly string[] | undefined;
  /** Sums of what bodies measured. */
  readonly metrics?: Readonly<Record<string, number>> | undefined;
}

interface ExpectedFailure {
  readonly code: string;
  readonly message?: RegExp | undefined;
  readonly node?: string | undefined;
  readonly attempt?: number | undefined;
  readonly details?: unknown;
}

/** A list whose order is not given. */
export interface AnyOrder {
  readonly anyOrder: readonly unknown[];
}

export function anyOrder(values: readonly unknown[]): AnyOrder {
  return { anyOrder: values };
}

export function isAnyOrder(value: unknown): value is AnyOrder {
  return typeof value === "object" && value !== null && "anyOrder" in value && Array.isArray(value.anyOrder);
}

/** The whole numbers below `count`. */
export function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}
