/**
 * A program on the example backend, as a user would write it: starts what is not started yet, works, and ends when all of
 * it is done. What the journal acknowledged is traced beside it at once, to be held against what is there after the
 * program was killed. The journal is short, so that the program is often killed while it is begun anew.
 */

import process from "node:process";
import { openJournal } from "../../../examples/custom-backend/journal.ts";
import { DistributedOrchestrator, WorkerPool } from "../../../src/index.ts";
import { trace } from "../harness/traces.ts";
import { chain } from "../workflows/chain.ts";

/** What the scenario tells it, as JSON on its command line. */
export interface JournalOrder {
  readonly folder: string;
  readonly runs: number;
  readonly durability: "power" | "process";
  readonly compactBytes: number;
}

/** A start that was answered. */
export interface AcknowledgedLine {
  readonly key: string;
  readonly run: string;
}

// What the scenario of the same version put there.
const { runs, ...options }: JournalOrder = JSON.parse(process.argv[2] ?? "");
const abandoned = (): void => process.exit(1);
process.on("disconnect", abandoned);

const backend = await openJournal(options);
const pool = new WorkerPool({ backend, workflows: [chain], workers: 2, concurrency: 4, lease: "300ms", maxStalls: 50 });
await pool.start();
const orchestrator = new DistributedOrchestrator({ backend, workflows: [chain] });
const ends: Promise<unknown>[] = [];
for (let at = 0; at < runs; at += 1) {
  const key = `key ${at}`;
  const handle = await orchestrator.startRun(chain, { workMs: 2 }, { idempotencyKey: key });
  trace("acknowledged", { key, run: handle.id } satisfies AcknowledgedLine);
  ends.push(handle.result());
}
await Promise.all(ends);
await pool.stop();
await backend.close();
process.off("disconnect", abandoned);
process.disconnect();
