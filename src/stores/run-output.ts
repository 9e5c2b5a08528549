/**
 * The output of a run, decoded, in every completion mode, and how a child run ended as the node that waited for it wants
 * it. It waits for nothing.
 */

import type { BackendOperations } from "../backend/contract/operations.ts";
import type { RunRecord } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import { decodeValue } from "../core/values.ts";
import type { ChildResult } from "../execution/wait-answer.ts";
import { allPages } from "./all-pages.ts";

type Reading = Pick<BackendOperations, "read">;

/** Of a completed run. An output in the row is that of the run, also where an operator completed a run that collects outputs. */
export async function readOutput(operations: Reading, run: RunRecord): Promise<unknown> {
  const what = `the output of run ${run.id}`;
  if (run.output !== undefined) return decodeValue(run.output, { what });
  if (run.completion !== "all") throw new MillraceError("BACKEND_CORRUPT", `${what} is missing`, { runId: run.id });
  const outputs: unknown[] = [];
  for await (const { value } of allPages((page) => operations.read.outputs(run.id, page))) {
    outputs.push(decodeValue(value, { what }));
  }
  return outputs;
}

/** How a child ended. One that was resumed since has not, and counts as gone. */
export async function readChild(operations: Reading, runId: string): Promise<ChildResult> {
  const run = await operations.read.run(runId);
  if (run === undefined) return { kind: "absent" };
  if (run.status === "completed") return { kind: "completed", output: await readOutput(operations, run) };
  return { kind: "ended", failure: run.failure };
}
