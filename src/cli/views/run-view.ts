/**
 * Runs as the CLI shows them: the columns of a list, and the JSON form, whose names and meanings do not change between
 * releases. Payloads pass the redaction of secrets here unless the reader asked for them as they are.
 */

import type { RunInfo } from "../../index.ts";
import { instant, relative, span } from "../output/moments.ts";
import { redactText, redactValue } from "../output/redaction.ts";
import type { Column } from "../output/table.ts";
import type { Tone } from "../output/terminal.ts";

/** What a reader wants to see of payloads. */
export interface PayloadOptions {
  /** Shows what looks like a secret too. */
  readonly reveal?: boolean | undefined;
}

const TONES: Readonly<Record<RunInfo["status"], Tone | undefined>> = {
  running: "cyan",
  waiting: "cyan",
  paused: "yellow",
  compensating: "yellow",
  completed: "green",
  failed: "red",
  cancelled: "dim",
};

/** The colour of a status. */
export function runTone(status: RunInfo["status"]): Tone | undefined {
  return TONES[status];
}

/** The columns of a list of runs. */
export function runColumns(now: number): readonly Column<RunInfo>[] {
  return [
    { title: "RUN", value: ({ id }) => id, shrinkTo: 12, keep: "end" },
    { title: "WORKFLOW", value: ({ workflow, version }) => `${workflow}@${version}`, shrinkTo: 12 },
    { title: "STATUS", value: ({ status }) => status, tone: ({ status }) => runTone(status) },
    { title: "STARTED", value: ({ createdAt }) => relative(createdAt, now) },
    { title: "TOOK", value: (run) => span((run.finishedAt ?? now) - run.createdAt), align: "right" },
    { title: "DONE", value: ({ items }) => items.completed, align: "right" },
    { title: "OPEN", value: ({ items }) => items.open, align: "right" },
    { title: "FAILED", value: ({ items }) => items.failed, align: "right" },
    { title: "TAGS", value: ({ tags }) => tagText(tags), shrinkTo: 8 },
  ];
}

/** Tags in one line. */
export function tagText(tags: RunInfo["tags"]): string {
  const text = Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
  return redactText(text);
}

/** A run as JSON: ids, status, instants as ISO 8601, payloads. */
export function runJson(run: RunInfo, { reveal }: PayloadOptions = {}): Readonly<Record<string, unknown>> {
  const shown = reveal === true ? (value: unknown) => value : redactValue;
  return {
    id: run.id,
    workflow: run.workflow,
    version: run.version,
    definition: run.definition,
    status: run.status,
    createdAt: instant(run.createdAt),
    statusAt: instant(run.statusAt),
    finishedAt: instant(run.finishedAt),
    timeoutAt: instant(run.timeoutAt),
    priority: run.priority,
    tags: shown(run.tags),
    idempotencyKey: run.idempotencyKey,
    parent: run.parent,
    items: run.items,
    retried: run.retried,
    conflicts: run.conflicts,
    outputs: run.outputs,
    sequence: run.sequence,
    commits: run.commits,
    input: shown(run.input),
    output: shown(run.output),
    failure: shown(run.failure),
  };
}
