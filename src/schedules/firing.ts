/**
 * Fires a schedule that is due: puts the decision, makes the starts that were decided, and puts what came of them. Whoever
 * does so may be stopped at any point, and any number may be at it at once: a decision counts when it is put over the
 * version that it was made from, a start is named by its instant, and the next one carries on from the document.
 */

import type { DocumentRecord, PutOutcome } from "../backend/contract/documents.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { StartOutcome, StartRun } from "../backend/contract/run.ts";
import { isMillraceError, type MillraceError } from "../core/errors.ts";
import type { Ids } from "../core/ports.ts";
import { isTerminalRun } from "../core/status.ts";
import { decodeValue } from "../core/values.ts";
import type { PublishedDefinitions } from "../stores/published-definitions.ts";
import { buildStart } from "../stores/run-start.ts";
import { decide, type StartResult, settle } from "./decision.ts";
import { lookAt } from "./due-time.ts";
import { type DecidedStart, SCHEDULES, type Schedule } from "./schedule.ts";
import { fromDocument, toDocument } from "./schedule-record.ts";

/** What firing works with. */
export interface FiringPorts {
  readonly operations: Pick<BackendOperations, "documents" | "startRuns" | "control" | "read" | "now">;
  readonly published: PublishedDefinitions;
  readonly ids: Ids;
}

/** The tags by which runs name the schedule and the instant that they were started for. */
export const SCHEDULE_TAG = "schedule";
export const INSTANT_TAG = "scheduled-for";

/** Decisions about one schedule, one after the other, before others have their turn. */
const MOST_DECISIONS = 20;

/**
 * Does what is due, and what can be done since a run has ended that a queue waits for. Gives the document as it is then;
 * `undefined` if it is gone. Throws what the store throws; a start that is refused is noted in the schedule instead.
 */
export async function fire(ports: FiringPorts, found: DocumentRecord): Promise<DocumentRecord | undefined> {
  let document: DocumentRecord | undefined = found;
  for (let decisions = 0; decisions < MOST_DECISIONS && document !== undefined; decisions += 1) {
    const schedule = fromDocument(document);
    const now = await ports.operations.now();
    const isDue = document.at !== undefined && document.at <= now;
    if (schedule.progress.starting.length === 0) {
      const decided = await decision(ports, schedule, now);
      if (decided === schedule && !isDue) return document;
      const put = await putSchedule(ports, decided, document, now);
      if (put.kind === "conflict" || decided === schedule) return put.document;
      document = put.document;
      if (decided.progress.starting.length === 0) continue;
    } else if (!isDue) return document;
    document = await carryOut(ports, document);
  }
  return document;
}

/** Makes the starts that a document has decided, and notes what came of them. The document as it is then; `undefined` if it is gone. */
export async function carryOut(
  ports: FiringPorts,
  found: DocumentRecord,
  heard: (runId: string, result: StartResult) => void = () => undefined,
): Promise<DocumentRecord | undefined> {
  const schedule = fromDocument(found);
  const results = await start(ports, schedule);
  for (const [runId, result] of results) heard(runId, result);
  let document = found;
  for (;;) {
    const current = document === found ? schedule : fromDocument(document);
    const settled = withoutStarted(current, results);
    if (settled === undefined) return document;
    const now = await ports.operations.now();
    const put = await putSchedule(ports, settle(settled.done, results, now), document, now, settled.left);
    if (put.kind === "put") return put.document;
    // Somebody has changed something else, or has noted these starts already.
    if (put.document === undefined) return undefined;
    document = put.document;
  }
}

/** Puts it over the version that it was made from, to be looked at when it is next due. */
export async function putSchedule(
  { operations }: Pick<FiringPorts, "operations">,
  schedule: Schedule,
  before: Pick<DocumentRecord, "version"> | undefined,
  now: number,
  left: readonly DecidedStart[] = [],
): Promise<PutOutcome> {
  const { progress } = schedule;
  const whole = left.length === 0 ? schedule : { ...schedule, progress: { ...progress, starting: left } };
  return await operations.documents.put({
    ...toDocument(whole, lookAt(whole, now)),
    expectedVersion: before?.version ?? 0,
  });
}

/** The schedule's document; `undefined` if there is none. */
export async function findSchedule(
  { operations }: Pick<FiringPorts, "operations">,
  id: string,
): Promise<DocumentRecord | undefined> {
  return await operations.documents.get(SCHEDULES, id);
}

async function decision({ operations, ids }: FiringPorts, schedule: Schedule, now: number): Promise<Schedule> {
  const { content, progress } = schedule;
  const open = new Set<string>();
  if (content.overlap !== "allow") {
    const states = await Promise.all(progress.open.map((runId) => operations.read.runState(runId)));
    for (const state of states) if (state !== undefined && !isTerminalRun(state.status)) open.add(state.id);
  }
  const isOpen = (runId: string): boolean => content.overlap === "allow" || open.has(runId);
  return decide(schedule, { now, isOpen, newRunId: () => ids.runId(now) });
}

/** The schedule with none but the starts that there are results of; `undefined` if all of these were noted before. */
function withoutStarted(
  schedule: Schedule,
  results: ReadonlyMap<string, StartResult>,
): { readonly done: Schedule; readonly left: readonly DecidedStart[] } | undefined {
  const { starting } = schedule.progress;
  const mine = starting.filter(({ runId }) => results.has(runId));
  if (mine.length === 0) return undefined;
  const left = starting.filter(({ runId }) => !results.has(runId));
  return { done: { ...schedule, progress: { ...schedule.progress, starting: mine } }, left };
}

/** Starts by the ids that were decided; what became of each. */
async function start(ports: FiringPorts, schedule: Schedule): Promise<ReadonlyMap<string, StartResult>> {
  const { operations } = ports;
  const { starting } = schedule.progress;
  try {
    const cancels = starting.flatMap((one) => one.cancels);
    const actor = `schedule:${schedule.id}`;
    const reason = `schedule ${schedule.id} starts a newer run`;
    if (cancels.length > 0) {
      await operations.control(cancels.map((runId) => ({ action: { kind: "cancel", runId, reason }, actor })));
    }
    const starts = await prepare(ports, schedule);
    const outcomes = await operations.startRuns(starts);
    return new Map(starting.map(({ runId }, at) => [runId, resultOf(outcomes[at], starts[at])]));
  } catch (error) {
    if (isOfStore(error)) throw error;
    const code = isMillraceError(error) ? error.code : "INTERNAL";
    const message = error instanceof Error ? error.message : String(error);
    return new Map(starting.map(({ runId }) => [runId, { ok: false, code, message }]));
  }
}

async function prepare({ published }: FiringPorts, { id, content, progress }: Schedule): Promise<readonly StartRun[]> {
  const { workflow, version, priority, tags } = content;
  const definition = await published.newest(workflow, version);
  const input = decodeValue(content.input, { what: `the input of schedule ${id}` });
  return progress.starting.map(({ instant, runId, trigger }) => {
    const idempotencyKey = trigger === undefined ? firingKey(id, instant) : `schedule/${id}/trigger/${trigger}`;
    const named = { ...tags, [SCHEDULE_TAG]: id, [INSTANT_TAG]: new Date(instant).toISOString() };
    const options = { idempotencyKey, priority, tags: named };
    return buildStart({ id: runId, published: definition, input, options });
  });
}

/** The idempotency key of the run that an instant of a schedule starts. */
export function firingKey(id: string, instant: number): string {
  return `schedule/${id}/${new Date(instant).toISOString()}`;
}

/** A key that is taken, with whatever input, says that the instant has fired. */
function resultOf(outcome: StartOutcome | undefined, start: StartRun | undefined): StartResult {
  switch (outcome?.kind) {
    case "started":
    case "existing":
      return { ok: true, runId: outcome.run.id };
    case "conflict": {
      const { run } = outcome;
      if (run.idempotencyKey === start?.idempotencyKey) return { ok: true, runId: run.id };
      return { ok: false, code: "RUN_EXISTS", message: `the id ${run.id} is taken by another run` };
    }
    case "unknownDefinition":
    case undefined:
      return { ok: false, code: "UNKNOWN_WORKFLOW", message: `${start?.workflow}@${start?.version} was not published` };
  }
}

/** The store did not do it, and may tomorrow: that is no fault of the schedule. */
export function isOfStore(error: unknown): error is MillraceError {
  return (
    isMillraceError(error, "BACKEND_UNAVAILABLE") ||
    isMillraceError(error, "STORE_FULL") ||
    isMillraceError(error, "CLOSED")
  );
}
