/**
 * What the doctor says of workers: whether any are alive, which fell silent without signing off, and what lies ready that
 * nobody takes. Work without a worker is wrong; a store that is idle is not.
 */

import { type Backend, type Backlog, DistributedOrchestrator } from "../../index.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const SHOWN = 5;

/** Looks at the workers, their sessions and the ready work. */
export async function examineWorkers(backend: Backend): Promise<readonly Finding[]> {
  const orchestrator = new DistributedOrchestrator({ backend });
  const [workers, backlog] = await Promise.all([orchestrator.listWorkerHealth(), orchestrator.backlog()]);
  const here = workers.filter(({ status }) => status !== "stopped");
  const alive = here.filter(({ liveness }) => liveness === "alive");
  const silent = here.filter(({ liveness }) => liveness !== "alive");
  const orphans = backlog.filter(({ ready, workers: takers }) => ready > 0 && takers.length === 0);
  const ready = backlog.reduce((sum, lane) => sum + lane.ready, 0);
  return [
    alive.length > 0
      ? ok("workers", `${alive.length} alive: ${shortList(alive.map(({ workerId }) => workerId))}`)
      : note("workers", "no worker is alive", "Start one where runs are to be executed: millrace worker."),
    silent.length === 0
      ? ok("sessions", "no session is stale")
      : note(
          "sessions",
          `${silent.length} ended without signing off: ${shortList(silent.map(({ workerId }) => workerId))}`,
          "Their items go to other workers when the leases end; entries go away with the retention.",
        ),
    orphans.length === 0
      ? ok("work", ready === 0 ? "nothing lies ready" : `${ready} items lie ready, and workers take them`)
      : wrong(
          "work",
          orphans.map(orphanText).join("\n"),
          "Start a worker that has the workflow, serves the queue and offers the labels.",
        ),
  ];
}

function orphanText({ workflow, version, definition, queue, labels, ready }: Backlog): string {
  const name = workflow === "" ? `definition ${definition}` : `${workflow}@${version}`;
  const lane = labels.length === 0 ? `queue ${queue}` : `queue ${queue}, labels ${labels.join(", ")}`;
  return `no live worker for ${name} (${lane}): ${ready} ${ready === 1 ? "item lies" : "items lie"} ready`;
}

function shortList(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
