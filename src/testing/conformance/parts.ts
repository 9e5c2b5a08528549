/**
 * What requests are made of: items, outcomes and bytes, with everything that a case does not care about filled in. It
 * talks to no backend.
 */

import type { CommitOutcomeRequest, NewArrival, NewItem, NewOutput } from "../../backend/contract/commit.ts";
import type { NewWait } from "../../backend/contract/wait.ts";
import type { JoinTemplate } from "../../backend/contract/work-item.ts";
import { canonicalJson } from "../../core/digest.ts";
import type { FailureRecord } from "../../core/errors.ts";

export const DEFAULT_QUEUE = "default";

/** An hour, the default of nodes. */
export const TIMEOUT_MS = 3_600_000;

type Outcome<K extends CommitOutcomeRequest["kind"]> = Extract<CommitOutcomeRequest, { kind: K }>;
export type Emission = Partial<Omit<Outcome<"emit">, "kind">>;

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text in the bytes; "" for none. */
export function textOf(content: Uint8Array | undefined): string {
  return content === undefined ? "" : new TextDecoder().decode(content);
}

export function newItem(node: string, overrides: Partial<NewItem> = {}): NewItem {
  return {
    node,
    kind: "node",
    input: bytes(node),
    queue: DEFAULT_QUEUE,
    labels: [],
    keys: [],
    priority: 0,
    delayMs: 0,
    timeoutMs: TIMEOUT_MS,
    index: 0,
    ...overrides,
  };
}

export function emit(emission: Emission): Outcome<"emit"> {
  const items = emission.items ?? [];
  const arrivals = emission.arrivals ?? [];
  const outputs = emission.outputs ?? [];
  return {
    kind: "emit",
    width: items.length + arrivals.length + outputs.length,
    ...emission,
    items,
    arrivals,
    outputs,
  };
}

/** One item per node, in order. */
export function next(...nodes: readonly string[]): Outcome<"emit"> {
  return emit({ items: nodes.map((node, index) => newItem(node, { index })) });
}

/** One terminal output per value, in order. */
export function output(...values: readonly string[]): Outcome<"emit"> {
  return emit({ outputs: values.map((value, index): NewOutput => ({ index, value: bytes(value) })) });
}

export function nothing(): Outcome<"emit"> {
  return emit({});
}

export function joinTemplate(node: string, overrides: Partial<JoinTemplate> = {}): JoinTemplate {
  return { node, queue: DEFAULT_QUEUE, labels: [], keys: [], priority: 0, timeoutMs: TIMEOUT_MS, ...overrides };
}

/** A fan-out to one node: an item per value, in a group that the joins wait for. */
export function fanOut(node: string, values: readonly string[], joins: readonly string[] = ["join"]): Outcome<"emit"> {
  return emit({
    items: values.map((value, index) => newItem(node, { index, input: bytes(value) })),
    opens: { joins: joins.map((join) => joinTemplate(join)) },
  });
}

export function arrival(join: string, of: string, value: string, index = 0): NewArrival {
  return { join, of, index, value: bytes(value) };
}

/** One value for a join. */
export function arrive(join: string, of: string, value: string): Outcome<"emit"> {
  return emit({ arrivals: [arrival(join, of, value)] });
}

export function hold(): Outcome<"hold"> {
  return { kind: "hold" };
}

export function failure(message = "it broke", overrides: Partial<FailureRecord> = {}): FailureRecord {
  return { code: "ERROR", message, ...overrides };
}

export function retry(delayMs = 0, message?: string): Outcome<"retry"> {
  return { kind: "retry", delayMs, failure: failure(message) };
}

export function fail(message?: string): Outcome<"fail"> {
  return { kind: "fail", failure: failure(message) };
}

/** The failure edge takes over with one item per node. */
export function failOver(...nodes: readonly string[]): Outcome<"failOver"> {
  const items = nodes.map((node, index) => newItem(node, { index, failure: bytes("the failure") }));
  return { kind: "failOver", failure: failure(), items, arrivals: [], width: items.length };
}

export function release(delayMs = 0): Outcome<"release"> {
  return { kind: "release", delayMs };
}

export function wait(kind: NewWait["kind"], overrides: Partial<NewWait> = {}): Outcome<"wait"> {
  return { kind: "wait", wait: { kind, durationMs: undefined, details: "{}", ...overrides } };
}

/** A wait for an input, a tool's result or the like that somebody gives by hand. */
export function ask(overrides: Partial<NewWait> = {}): Outcome<"wait"> {
  return wait("input", overrides);
}

export function sleep(durationMs: number): Outcome<"wait"> {
  return wait("sleep", { durationMs });
}

/** A wait for an event; `where`: the value that a payload must have at a path, its names joined by dots. */
export function waitFor(
  name: string,
  key: string,
  where: Readonly<Record<string, unknown>> = {},
  overrides: Partial<NewWait> = {},
): Outcome<"wait"> {
  const conditions = Object.entries(where).map(([path, value]) => ({
    path: path.split("."),
    equals: canonicalJson(value),
  }));
  return wait("event", { event: { name, key, conditions }, ...overrides });
}
