/**
 * Work items and failed attempts as the CLI shows them: the columns of their lists and their JSON forms, whose names and
 * meanings do not change between releases. Texts of failures pass the redaction of secrets.
 */

import type { AttemptFailureInfo, WorkItemInfo } from "../../index.ts";
import { jsonLine } from "../output/json-output.ts";
import { instant, relative, span } from "../output/moments.ts";
import { redactText, redactValue } from "../output/redaction.ts";
import type { Column } from "../output/table.ts";
import type { Tone } from "../output/terminal.ts";
import type { PayloadOptions } from "./run-view.ts";

const TONES: Readonly<Record<WorkItemInfo["status"], Tone | undefined>> = {
  pending: undefined,
  in_progress: "cyan",
  waiting_retry: "yellow",
  waiting: "cyan",
  held: "yellow",
  completed: "green",
  failed: "yellow",
  permanently_failed: "red",
  cancelled: "dim",
};

/** The colour of a status. */
export function itemTone(status: WorkItemInfo["status"]): Tone | undefined {
  return TONES[status];
}

/** The columns of a list of items. */
export function itemColumns(now: number): readonly Column<WorkItemInfo>[] {
  return [
    { title: "ITEM", value: ({ number }) => number, align: "right" },
    { title: "NODE", value: ({ node }) => node, shrinkTo: 8 },
    { title: "STATUS", value: ({ status }) => status, tone: ({ status }) => itemTone(status) },
    { title: "TRIES", value: triesOf, align: "right" },
    { title: "WAITED", value: ({ waitedMs }) => (waitedMs === undefined ? "" : span(waitedMs)), align: "right" },
    { title: "RAN", value: ({ ranMs }) => (ranMs === undefined ? "" : span(ranMs)), align: "right" },
    { title: "SINCE", value: (item) => relative(lastMoveOf(item), now) },
    { title: "WAITS FOR", value: ({ wait }) => (wait === undefined ? "" : waitText(wait, now)) },
    {
      title: "PROGRESS",
      value: ({ progress }) => (progress === undefined ? "" : jsonLine(redactValue(progress.details))),
      shrinkTo: 8,
    },
    {
      title: "LAST FAILURE",
      value: ({ failure }) => (failure ? redactText(`${failure.code}: ${failure.message}`) : ""),
      shrinkTo: 12,
    },
  ];
}

function waitText({ kind, dueAt }: NonNullable<WorkItemInfo["wait"]>, now: number): string {
  return dueAt === undefined ? kind : `${kind}, until ${relative(dueAt, now)}`;
}

/** Attempts that ended, and the one that runs. */
function triesOf({ status, attempts }: WorkItemInfo): number {
  return attempts + (status === "in_progress" || status === "completed" || status === "held" ? 1 : 0);
}

function lastMoveOf({ status, endedAt, claimedAt, readyAt, createdAt, wait }: WorkItemInfo): number {
  if (endedAt !== undefined) return endedAt;
  if (wait !== undefined) return wait.since;
  return status === "in_progress" ? (claimedAt ?? createdAt) : status === "waiting_retry" ? readyAt : createdAt;
}

/** An item as JSON. */
export function itemJson(item: WorkItemInfo, { reveal }: PayloadOptions = {}): Readonly<Record<string, unknown>> {
  return {
    id: item.id,
    runId: item.runId,
    number: item.number,
    node: item.node,
    kind: item.kind,
    status: item.status,
    from: item.from,
    attempts: item.attempts,
    stalls: item.stalls,
    conflicts: item.conflicts,
    queue: item.queue,
    labels: item.labels,
    priority: item.priority,
    createdAt: instant(item.createdAt),
    readyAt: instant(item.readyAt),
    claimedAt: instant(item.claimedAt),
    endedAt: instant(item.endedAt),
    timeoutAt: instant(item.timeoutAt),
    deadlineAt: instant(item.deadlineAt),
    session: item.session,
    waitedMs: item.waitedMs,
    ranMs: item.ranMs,
    wait:
      item.wait === undefined
        ? undefined
        : {
            id: item.wait.id,
            kind: item.wait.kind,
            since: instant(item.wait.since),
            dueAt: instant(item.wait.dueAt),
          },
    failure: reveal === true ? item.failure : redactValue(item.failure),
    progress:
      item.progress === undefined
        ? undefined
        : {
            at: instant(item.progress.at),
            details: reveal === true ? item.progress.details : redactValue(item.progress.details),
          },
    revision: item.revision,
  };
}

/** The columns of a list of failed attempts. */
export function failureColumns(now: number): readonly Column<AttemptFailureInfo>[] {
  return [
    { title: "WHEN", value: ({ at }) => relative(at, now) },
    { title: "ITEM", value: ({ itemId }) => itemId.slice(itemId.lastIndexOf(".") + 1), align: "right" },
    { title: "NODE", value: ({ node }) => node, shrinkTo: 8 },
    { title: "TRY", value: ({ attempt }) => attempt, align: "right" },
    {
      title: "THEN",
      value: ({ outcome }) => outcome,
      tone: ({ outcome }) => (outcome === "failed" ? "red" : undefined),
    },
    { title: "CODE", value: ({ code }) => code, shrinkTo: 8 },
    { title: "MESSAGE", value: ({ message }) => redactText(message), shrinkTo: 16 },
  ];
}

/** A failed attempt as JSON. */
export function failureJson(
  failure: AttemptFailureInfo,
  { reveal }: PayloadOptions = {},
): Readonly<Record<string, unknown>> {
  const shown = reveal === true ? (value: unknown) => value : redactValue;
  return {
    runId: failure.runId,
    itemId: failure.itemId,
    node: failure.node,
    attempt: failure.attempt,
    at: instant(failure.at),
    outcome: failure.outcome,
    workerId: failure.workerId,
    code: failure.code,
    message: shown(failure.message),
    stack: shown(failure.stack),
    details: shown(failure.details),
  };
}
