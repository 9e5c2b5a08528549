/**
 * Waits: a work item that is parked until something arrives. A wait has an address of its own, and is over once: by its
 * answer (an input, an event, a tool's result, the end of a child run) or by its time, whichever comes first.
 */

import type { FailureRecord } from "../../core/errors.ts";
import type { StartRun } from "./run.ts";
import type { WaitKind } from "./work-item.ts";

/** A condition on a payload: the value at the path (names and indexes, from the outside in) equals this one. */
export interface EventCondition {
  readonly path: readonly string[];
  /** JSON text of the value, canonical. */
  readonly equals: string;
}

export interface NewWait {
  readonly kind: WaitKind;
  /** After so long it is over by itself. */
  readonly durationMs: number | undefined;
  /** JSON text, for people and tools: prompt, schema, name and arguments. */
  readonly details: string;
  /** Of an event: which one, all conditions must hold. */
  readonly event?:
    | { readonly name: string; readonly key: string; readonly conditions: readonly EventCondition[] }
    | undefined;
  readonly child?: NewChild | undefined;
}

/** The run that a wait starts, in the step that parks its item. Its id and its parent are given by the backend. */
export interface NewChild extends Omit<StartRun, "id" | "parent" | "idempotencyKey" | "onConflict"> {
  /** What becomes of it when its parent run is closed, or waits for it no more. */
  readonly onParentClose: "cancel" | "leave";
}

/** A wait that is not over. Sleeps have no answer and are not listed. */
export interface WaitRecord {
  readonly runId: string;
  readonly item: number;
  readonly number: number;
  readonly node: string;
  readonly kind: Exclude<WaitKind, "sleep">;
  readonly since: number;
  readonly dueAt: number | undefined;
  readonly details: string;
  readonly event: { readonly name: string; readonly key: string } | undefined;
  /** The run that it waits for. */
  readonly childId: string | undefined;
}

export interface WaitFilter {
  readonly runId?: string | undefined;
  readonly kind?: Exclude<WaitKind, "sleep"> | undefined;
}

export interface SentEvent {
  readonly name: string;
  readonly key: string;
  readonly payload: Uint8Array;
  /** One that is sent again under its id has no second effect. */
  readonly id?: string | undefined;
}

export type EventOutcome =
  /** So many waits took it at once; more may follow when very many waited. */
  | { readonly kind: "delivered"; readonly waits: number }
  /** Nobody waited for it: it is kept, and taken once by the first that does. */
  | { readonly kind: "buffered" }
  | { readonly kind: "duplicate" }
  /** So many events of this name and key are kept already that this one is not. It may be sent again under its id. */
  | { readonly kind: "full" };

/** What the end of a child run tells its parent: the answer to the wait, as JSON. */
export interface ChildEnd {
  readonly runId: string;
  readonly status: "completed" | "failed" | "cancelled";
  /** Why there is no run to look at. */
  readonly failure?: Pick<FailureRecord, "code" | "message"> | undefined;
}
