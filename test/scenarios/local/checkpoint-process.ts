/**
 * A program that runs one workflow with checkpoints in a SQLite file, as a user would write it: started again after
 * whatever has happened to it, it goes on. It leaves a line in the trace `ends` that says how it ended.
 */

import process from "node:process";
import { isMillraceError, runWithCheckpoint } from "../../../src/index.ts";
import { sqlite } from "../../../src/sqlite.ts";
import { trace } from "../harness/traces.ts";
import { ledger, pace } from "./ledger-workflow.ts";

/** What the scenario tells it, as JSON on its command line. */
export interface CheckpointOrder {
  readonly path: string;
  readonly id: string;
  readonly workMs: number;
  readonly concurrency: number;
  /** After so many executions its bodies wait at the gate `go`. */
  readonly executions?: number;
}

/** How a process ended by itself. */
export interface EndLine {
  readonly output?: number;
  readonly code?: string;
  readonly events?: readonly string[];
  readonly sum?: number;
}

// What the scenario of the same version put there.
const order: CheckpointOrder = JSON.parse(process.argv[2] ?? "");
const abandoned = (): void => process.exit(1);
process.on("disconnect", abandoned);

await using backend = await sqlite({ path: order.path, durability: "process" });
process.send?.({ kind: "ready" });
trace("ends", { ...(await end()) });
process.off("disconnect", abandoned);
process.disconnect();

async function end(): Promise<EndLine> {
  const { id, workMs, concurrency, executions = Number.POSITIVE_INFINITY } = order;
  Object.assign(pace, { workMs, executions });
  try {
    const place = { store: backend.checkpoints, id, concurrency };
    const { output, context } = await runWithCheckpoint(ledger, null, place);
    return { output, events: [...context.events.events], sum: context.sum.value };
  } catch (error) {
    return { code: isMillraceError(error) ? error.code : String(error) };
  }
}
