/**
 * A place to try schedules in: backends on one world in memory whose clock is moved by hand, orchestrators that keep
 * schedules, and the runs that came of it. Runs are ended by hand, so that a test says how long they take.
 */

import type { BackendOperations } from "../../src/backend/contract/operations.ts";
import type { RunRecord } from "../../src/backend/contract/run.ts";
import { MemoryWorld, memoryOperations } from "../../src/backend/memory/index.ts";
import {
  type Logger,
  type ManualClock,
  manualClock,
  seededIds,
  seededRandom,
  silentLogger,
} from "../../src/core/ports.ts";
import { isTerminalRun } from "../../src/core/status.ts";
import { node } from "../../src/definition/node.ts";
import { unchecked } from "../../src/definition/schema.ts";
import { next } from "../../src/definition/transition.ts";
import { workflow } from "../../src/definition/workflow.ts";
import { DistributedOrchestrator } from "../../src/orchestrator/distributed-orchestrator.ts";
import { SCHEDULE_TAG } from "../../src/schedules/firing.ts";
import { defineBackend } from "../../src/stores/backend.ts";

const report = node({ input: unchecked<{ readonly kind: string }>(), run: ({ input }) => next(input) });

/** What the schedules of the tests start. */
export const reports = workflow({
  name: "reports",
  version: "1",
  nodes: { report },
  start: "report",
  edges: { report: [] },
});

export const START = Date.parse("2026-05-04T08:00:00Z");

export class ScheduleBench {
  readonly clock: ManualClock = manualClock(START);
  readonly inner: BackendOperations;
  readonly #world: MemoryWorld;
  readonly #ids = seededIds(seededRandom(3));

  constructor() {
    this.#world = new MemoryWorld(this.clock);
    this.inner = this.operations();
  }

  /** A handle of its own on the same data. */
  operations(): BackendOperations {
    return memoryOperations({ world: this.#world });
  }

  orchestrator(
    options: { readonly operations?: BackendOperations; readonly logger?: Logger } = {},
  ): DistributedOrchestrator {
    const { operations = this.operations(), logger = silentLogger } = options;
    return new DistributedOrchestrator({
      backend: defineBackend(operations),
      workflows: [reports],
      clock: this.clock,
      ids: this.#ids,
      logger,
    });
  }

  /** Runs that schedules have started, in the order of their instants. */
  async runs(): Promise<readonly RunRecord[]> {
    const runs: RunRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.inner.read.runs({}, { limit: 1_000, cursor });
      runs.push(...page.entries.filter(({ tags }) => SCHEDULE_TAG in tags));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return runs.sort((a, b) => (instantOf(a) < instantOf(b) ? -1 : 1));
  }

  /** The instants that have started runs, shortened to what changes. */
  async instants(): Promise<readonly string[]> {
    return (await this.runs()).map(instantOf);
  }

  /** Ends every open run. */
  async finishAll(): Promise<void> {
    const open = (await this.runs()).filter(({ status }) => !isTerminalRun(status));
    await this.inner.control(
      open.map(({ id }) => ({
        action: { kind: "complete", runId: id, output: new TextEncoder().encode("null") },
        actor: "test",
      })),
    );
  }
}

/** The instant that a run was started for, as `HH:MM:SS` after the day. */
export function instantOf({ tags }: Pick<RunRecord, "tags">): string {
  return (tags["scheduled-for"] ?? "").replace("2026-", "").replace(".000Z", "").replace("T", " ");
}
