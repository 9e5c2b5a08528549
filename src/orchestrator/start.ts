/**
 * Starting runs: finds the definition, checks the input and the initial context as far as code is at hand, and hands the
 * start to the store, which makes the run, its first item and its first delta in one step. The stored input is the
 * unparsed one; every attempt parses it again. Invariant: what `startRun` resolves with exists.
 */

import type { RunRecord, StartRun } from "../backend/contract/run.ts";
import type { SentEvent } from "../backend/contract/wait.ts";
import { isMillraceError, MillraceError } from "../core/errors.ts";
import type { Definition } from "../definition/definition.ts";
import { parseWith } from "../definition/schema.ts";
import type { Event } from "../definition/waits/event.ts";
import type { Workflow } from "../definition/workflow-building.ts";
import { shapeForInit } from "../stores/definition-shape.ts";
import type { PublishedDefinition } from "../stores/published-definitions.ts";
import { buildStart, type RunOptions } from "../stores/run-start.ts";
import { settleStart } from "../stores/runs.ts";
import { type EventToSend, eventToSend } from "./events.ts";
import type { Orchestration } from "./orchestration.ts";

/** One run to start; types erased. */
export interface RunToStart extends RunOptions {
  readonly input: unknown;
  readonly context?: unknown;
  readonly events?: readonly StartEvent[] | undefined;
}

/** An event that is sent with the start of a run. */
export interface StartEvent extends EventToSend {
  readonly event: Event | string;
  /** The id of the run and the place among its events if absent. */
  readonly id?: string | undefined;
}

/** A run that was started, or why it was not. */
export type StartResult =
  | { readonly ok: true; readonly run: RunRecord; readonly existing: boolean }
  | { readonly ok: false; readonly error: MillraceError };

/** What runs are started of: a definition, and its code if that is at hand. */
export interface StartSource {
  readonly published: PublishedDefinition;
  readonly workflow: Workflow | undefined;
}

/** Starts sent to the store in one request. */
const STARTS_PER_REQUEST = 256;

/**
 * The definition to start. By name: that of the code at hand under the name, or else the one published last. Throws
 * `UNKNOWN_WORKFLOW` or `VERSION_CONFLICT`.
 */
export async function findSource(orchestration: Orchestration, workflow: Workflow | string): Promise<StartSource> {
  const { workflows, published } = orchestration;
  const code = typeof workflow === "string" ? workflows.byName(workflow) : workflow;
  if (code !== undefined) {
    workflows.add(code);
    return { published: await workflows.publish(code), workflow: code };
  }
  const newest = await published.newest(String(workflow));
  return { published: newest, workflow: undefined };
}

/** Starts a run, or finds the one that the same start made before. Throws what stands in its way. */
export async function startOne(
  orchestration: Orchestration,
  source: StartSource,
  start: RunToStart,
): Promise<RunRecord> {
  const [result] = await startMany(orchestration, source, [start]);
  if (result === undefined) throw new MillraceError("INTERNAL", "a start has no result");
  if (!result.ok) throw result.error;
  return result.run;
}

/** Starts runs of one workflow, each atomically and for itself; results in order. Throws only what concerns all of them. */
export async function startMany(
  orchestration: Orchestration,
  source: StartSource,
  starts: readonly RunToStart[],
): Promise<readonly StartResult[]> {
  const now = await orchestration.operations.now();
  const prepared = await Promise.all(starts.map((start) => prepare(orchestration, source, start, now)));
  const results: StartResult[] = [];
  for (let at = 0; at < prepared.length; at += STARTS_PER_REQUEST) {
    results.push(...(await send(orchestration, prepared.slice(at, at + STARTS_PER_REQUEST))));
  }
  return results;
}

type Prepared = { readonly start: StartRun; readonly events: readonly SentEvent[] } | { readonly error: MillraceError };

async function prepare(
  { ids }: Orchestration,
  { published, workflow }: StartSource,
  { input, context, events = [], ...options }: RunToStart,
  now: number,
): Promise<Prepared> {
  try {
    if (workflow !== undefined) await checkInput(workflow, input);
    const id = options.id ?? ids.runId(now);
    const shape = workflow === undefined ? undefined : workflow["~runtime"].context;
    const initial =
      context === undefined ? {} : { context: { shape: shape ?? shapeForInit(published.definition), init: context } };
    const start = buildStart({ id, published, input, options, ...initial });
    return { start, events: await Promise.all(events.map(({ event, ...sent }) => eventToSend(event, sent))) };
  } catch (error) {
    if (isMillraceError(error)) return { error };
    throw error;
  }
}

/** Checks alone: the parsed value is dropped, since the store keeps what was given. Throws `INVALID_INPUT`. */
export async function checkInput(workflow: Workflow, input: unknown): Promise<void> {
  const { start, name }: Definition = workflow.definition;
  const node = workflow["~runtime"].nodes.get(start);
  if (node?.kind !== "node") return;
  const parsed = await parseWith(node.input, input);
  if (parsed.ok) return;
  throw new MillraceError(
    "INVALID_INPUT",
    `the input of ${name} does not fit its start node "${start}": ${parsed.issues.join("; ")}`,
    {
      node: start,
      details: { issues: parsed.issues },
    },
  );
}

async function send({ operations }: Orchestration, prepared: readonly Prepared[]): Promise<readonly StartResult[]> {
  const starts = prepared.flatMap((one) => ("start" in one ? [one.start] : []));
  const outcomes = starts.length === 0 ? [] : await operations.startRuns(starts);
  let next = 0;
  const results = prepared.map((one): StartResult => {
    if ("error" in one) return { ok: false, error: one.error };
    const outcome = outcomes[next];
    next += 1;
    try {
      return { ok: true, run: settleStart(outcome, one.start), existing: outcome?.kind === "existing" };
    } catch (error) {
      if (isMillraceError(error)) return { ok: false, error };
      throw error;
    }
  });
  const events = results.flatMap((result, at) => eventsOf(result, prepared[at]));
  if (events.length > 0) await operations.sendEvents(events);
  return results;
}

/** A start that is repeated sends its events again, under the same ids. */
function eventsOf(result: StartResult, prepared: Prepared | undefined): readonly SentEvent[] {
  if (!result.ok || prepared === undefined || "error" in prepared) return [];
  return prepared.events.map((event, at) => ({ ...event, id: event.id ?? `${result.run.id}:${at}` }));
}
