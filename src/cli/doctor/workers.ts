/**
 * What the doctor says of workers: whether any are alive, which fell silent without signing off, and what lies ready that
 * nobody takes. Work without a worker is wrong; a store that is idle is not.
 */

import { type Backend, type Backlog, DistributedOrchestrator, type RunStatus } from "../../index.ts";
import { type Finding, note, ok, wrong } from "./finding.ts";

const SHOWN = 5;

/** Looks at the workers, their sessions and the ready work. */
export async function examineWorkers(backend: Backend): Promise<readonly Finding[]> {
  const orchestrator = new DistributedOrchestrator({ backend });
  const [workers, backlog] = await Promise.all([orchestrator.listWorkerHealth(), orchestrator.backlog()]);
  const here = workers.filter(({ status }) => status !== "stopped");
  const alive = here.filter(({ liveness }) => liveness === "alive");
  const silent = here.filter(({ liveness }) => liveness !== "alive");
  const orphans = await withOpenRuns(
    orchestrator,
    backlog.filter(({ ready, workers: takers }) => ready > 0 && takers.length === 0),
  );
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
      ? ok("work", "no open run lacks a worker")
      : wrong(
          "work",
          orphans.map(orphanText).join("\n"),
          "Start a worker that has the workflow, serves the queue and offers the labels.",
        ),
  ];
}

/** A lane that no live worker serves, and how many open runs there are of its workflow. */
interface Orphan {
  readonly lane: Backlog;
  readonly runs: number;
}

const CLAIMED_IN: readonly RunStatus[] = ["running", "waiting"];
const COUNTED_RUNS = 100;

/** Items of runs that were closed or paused may still lie in a lane; they wait for nobody. */
async function withOpenRuns(
  orchestrator: DistributedOrchestrator,
  lanes: readonly Backlog[],
): Promise<readonly Orphan[]> {
  const orphans: Orphan[] = [];
  for (const lane of lanes) {
    const { workflow, version } = lane;
    const page = await orchestrator.listRuns({ workflow, version, status: CLAIMED_IN, limit: COUNTED_RUNS });
    if (page.entries.length > 0) orphans.push({ lane, runs: page.entries.length });
  }
  return orphans;
}

function orphanText({ lane: { workflow, version, queue, labels }, runs }: Orphan): string {
  const place = labels.length === 0 ? `queue ${queue}` : `queue ${queue}, labels ${labels.join(", ")}`;
  const count = runs < COUNTED_RUNS ? String(runs) : `${runs} or more`;
  return `no live worker for ${workflow}@${version} (${place}), which has ${count} open ${runs === 1 ? "run" : "runs"}`;
}

function shortList(names: readonly string[]): string {
  const more = names.length - SHOWN;
  return names.slice(0, SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
