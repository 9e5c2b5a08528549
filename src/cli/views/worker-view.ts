/**
 * Workers as the CLI shows them: the columns of their list, and the JSON form, whose names and meanings do not change
 * between releases.
 */

import type { WorkerHealthInfo } from "../../index.ts";
import { instant, relative } from "../output/moments.ts";
import type { Column } from "../output/table.ts";
import type { Tone } from "../output/terminal.ts";

const TONES: Readonly<Record<WorkerHealthInfo["liveness"], Tone>> = { alive: "green", stale: "yellow", dead: "red" };
const SHOWN_ITEMS = 3;

/** The columns of a list of workers. */
export function workerColumns(now: number): readonly Column<WorkerHealthInfo>[] {
  return [
    { title: "WORKER", value: ({ workerId }) => workerId, shrinkTo: 16 },
    {
      title: "IS",
      value: livenessWord,
      tone: (worker) => (worker.status === "stopped" ? "dim" : TONES[worker.liveness]),
    },
    { title: "DOES", value: activity },
    { title: "HEARD", value: ({ heartbeatAt }) => relative(heartbeatAt, now) },
    { title: "STARTED", value: ({ startedAt }) => relative(startedAt, now) },
    { title: "DONE", value: ({ completed }) => completed, align: "right" },
    { title: "ERRORS", value: ({ errors }) => errors, align: "right" },
    { title: "WORKFLOWS", value: ({ workflows }) => workflows.join(" "), shrinkTo: 12 },
    { title: "ITEMS", value: ({ items }) => itemText(items), shrinkTo: 8 },
  ];
}

/** A worker as JSON. */
export function workerJson(worker: WorkerHealthInfo): Readonly<Record<string, unknown>> {
  return {
    workerId: worker.workerId,
    session: worker.session,
    host: worker.host,
    pid: worker.pid,
    status: worker.status,
    liveness: worker.liveness,
    startedAt: instant(worker.startedAt),
    heartbeatAt: instant(worker.heartbeatAt),
    leaseUntil: instant(worker.leaseUntil),
    attempt: worker.attempt,
    maxAttempts: worker.maxAttempts,
    items: worker.items,
    completed: worker.completed,
    errors: worker.errors,
    workflows: worker.workflows,
  };
}

/** A worker that signed off is gone in good order; only one that fell silent is dead. */
function livenessWord({ status, liveness }: WorkerHealthInfo): string {
  return status === "stopped" ? "stopped" : liveness;
}

function activity({ status, attempt, maxAttempts, items }: WorkerHealthInfo): string {
  switch (status) {
    case "retrying":
      return attempt === undefined ? "retrying" : `retrying ${attempt}/${maxAttempts ?? "?"}`;
    case "in_progress":
      return items.length === 1 ? "1 item" : `${items.length} items`;
    case "idle":
    case "draining":
      return status;
    case "stopped":
      return "";
  }
}

function itemText(items: readonly string[]): string {
  const more = items.length - SHOWN_ITEMS;
  return items.slice(0, SHOWN_ITEMS).join(" ") + (more > 0 ? ` +${more}` : "");
}
