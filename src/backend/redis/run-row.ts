/**
 * A run as rows, and back: its counters in one that every commit writes, what no commit decides by in others. Before the
 * counters stand their version, and what a claim decides by: status and generation. Payloads are kept as the bytes they are.
 */

import type { Buffer } from "node:buffer";
import type { RunDetails, RunFailure, RunRecord, RunState } from "../contract/run.ts";
import { COMPLETION, RUN_STATUS } from "../sql/stored-code.ts";
import { fromStoredFailure, toStoredFailure } from "../sql/stored-failure.ts";
import { ownBytes } from "./item-row.ts";
import { RUN_FIELDS } from "./keys.ts";
import { bytesOf, damaged, optionalBytes, type Reply } from "./reply.ts";
import {
  listAt,
  numberAt,
  numbersAt,
  optionalNumberAt,
  optionalTextAt,
  readList,
  type StoredList,
  textAt,
} from "./stored-list.ts";

/** What stands after the version of a run: what items of other steps are written by. */
export function standing({ status, generation }: Pick<RunState, "status" | "generation">): string {
  return `${RUN_STATUS.encode(status)}.${generation}`;
}

export function writeState(state: RunState, version: string): string {
  const row = [
    state.definition,
    RUN_STATUS.encode(state.status),
    state.generation,
    state.sequence,
    state.commits,
    state.items,
    state.open,
    state.parked,
    state.held,
    state.outputs,
    state.completed,
    state.failed,
    state.retried,
    state.conflicts,
    COMPLETION.encode(state.completion),
    state.maxItems,
    state.priority,
    state.timeoutAt,
    state.createdAt,
    state.statusAt,
    state.finishedAt,
    state.fieldSequences,
    state.affinity,
    ...(state.links === undefined ? [] : [state.links]),
  ];
  return `${version}${standing(state)} ${JSON.stringify(row)}`;
}

export function readState(runId: string, stored: Buffer): RunState {
  const space = stored.indexOf(0x20);
  if (space < 0) throw damaged("a run without a row");
  const list = readList(stored.toString("utf8", space + 1), "a run");
  return {
    id: runId,
    definition: textAt(list, 0),
    status: RUN_STATUS.decode(list[1]),
    generation: numberAt(list, 2),
    sequence: numberAt(list, 3),
    commits: numberAt(list, 4),
    items: numberAt(list, 5),
    open: numberAt(list, 6),
    parked: numberAt(list, 7),
    held: numberAt(list, 8),
    outputs: numberAt(list, 9),
    completed: numberAt(list, 10),
    failed: numberAt(list, 11),
    retried: numberAt(list, 12),
    conflicts: numberAt(list, 13),
    completion: COMPLETION.decode(list[14]),
    maxItems: numberAt(list, 15),
    priority: numberAt(list, 16),
    timeoutAt: optionalNumberAt(list, 17),
    createdAt: numberAt(list, 18),
    statusAt: numberAt(list, 19),
    finishedAt: optionalNumberAt(list, 20),
    fieldSequences: numbersAt(list, 21),
    affinity: optionalTextAt(list, 22),
    ...(list[23] === undefined ? {} : { links: numberAt(list, 23) }),
  };
}

/** Fields of a run that hold its details, in the order that `readDetails` takes them. */
export const DETAIL_FIELDS = [RUN_FIELDS.details, RUN_FIELDS.input, RUN_FIELDS.output, RUN_FIELDS.failure] as const;

/** The details but for the payloads and the failure, which have fields of their own. */
export function writeDetails(details: RunDetails): string {
  const { workflow, version, tags, idempotencyKey, inputDigest, parent } = details;
  const list = [workflow, version, Object.entries(tags), idempotencyKey, inputDigest, parent?.runId, parent?.item];
  return JSON.stringify(list);
}

export function writeFailure(failure: RunFailure): string {
  return toStoredFailure(failure);
}

export function readDetails([details, input, output, failure]: readonly Reply[]): RunDetails {
  const list = readList(bytesOf(details).toString("utf8"), "the details of a run");
  const [given, problem] = [optionalBytes(output), optionalBytes(failure)];
  const parentRun = optionalTextAt(list, 5);
  return {
    workflow: textAt(list, 0),
    version: textAt(list, 1),
    input: ownBytes(bytesOf(input)),
    output: given === undefined ? undefined : ownBytes(given),
    failure: problem === undefined ? undefined : fromStoredFailure(problem.toString("utf8")),
    tags: readTags(listAt(list, 2)),
    idempotencyKey: optionalTextAt(list, 3),
    inputDigest: textAt(list, 4),
    parent: parentRun === undefined ? undefined : { runId: parentRun, item: numberAt(list, 6) },
  };
}

/** The record of a run of which the row and all of `DETAIL_FIELDS` were read; nothing if there is none. */
export function readRecord(runId: string, [state, ...details]: readonly Reply[]): RunRecord | undefined {
  const stored = optionalBytes(state);
  return stored === undefined ? undefined : { ...readState(runId, stored), ...readDetails(details) };
}

function readTags(entries: StoredList): RunDetails["tags"] {
  const tags: Record<string, string> = {};
  for (let at = 0; at < entries.length; at += 1) {
    const entry = listAt(entries, at);
    // Also a tag named "__proto__" is nothing but a tag.
    const value = textAt(entry, 1);
    Object.defineProperty(tags, textAt(entry, 0), { value, enumerable: true, writable: true, configurable: true });
  }
  return tags;
}
