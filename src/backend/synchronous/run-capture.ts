/**
 * Takes runs out of a store, part by part, by nothing but what every store of rows can do: lists in pages, and rows by
 * their number. A part ends where it gets large; its cursor says where the next one begins, and which state of the run it
 * belongs to. Invariant: the same rows give the same parts.
 */

import { canonicalJson, digest } from "../../core/digest.ts";
import { MillraceError } from "../../core/errors.ts";
import { isTerminalRun } from "../../core/status.ts";
import type { RunDetails, RunState } from "../contract/run.ts";
import type { ExportOutcome, RunHead } from "../contract/transfer.ts";
import { decodeCursor, encodeCursor } from "./paging.ts";
import type { RowStore } from "./row-store.ts";
import { PartRows, SECTIONS } from "./run-sections.ts";
import { visible } from "./staged-runs.ts";
import { waitLists } from "./waits.ts";

const PARTS = "parts of a run";

/** The part that the cursor leads to; without one, the first. */
export function captureRun(store: RowStore, runId: string, cursor: string | undefined): ExportOutcome {
  const start = decodeCursor(PARTS, cursor, ["string", "number", "number", "string", "string"]);
  const run = visible(store.runState(runId));
  if (run === undefined) return { kind: start === undefined ? "absent" : "changed" };
  if (isTied(store, run)) return { kind: "parked" };
  const mark = markOf(run);
  const [before, number, from, position, nodes] = start ?? [mark, 0, 0, "", "[]"];
  if (before !== mark) return { kind: "changed" };
  const walk = { store, run, part: new PartRows(), fanOuts: new Set(readNodes(nodes)) };
  let section = from;
  let next: string | undefined = position;
  for (; section < SECTIONS.length; section += 1, next = "") {
    next = SECTIONS[section]?.(walk, next);
    if (next !== undefined) break;
  }
  const last = next === undefined || section >= SECTIONS.length;
  const head = number === 0 || last ? headOf(store, run) : undefined;
  const part = { runId, number, head, rows: walk.part.rows, last };
  if (last) return { kind: "part", part, mark };
  const rest = [mark, number + 1, section, next ?? "", JSON.stringify([...walk.fanOuts])];
  return { kind: "part", part, cursor: encodeCursor(PARTS, rest), mark };
}

/** Whether something elsewhere in the store refers to the run and has to find it. A sleep is in its item alone. */
function isTied(store: RowStore, run: RunState): boolean {
  if (!isTerminalRun(run.status) && (run.links ?? 0) > 0) return true;
  return run.parked > 0 && store.entries(waitLists({ runId: run.id }), { limit: 1 }).length > 0;
}

/** The head of a run that is there. */
export function headOf(store: RowStore, run: RunState): RunHead {
  const record = store.runRecord(run.id);
  const definition = store.definition(run.definition);
  if (record === undefined || definition === undefined)
    throw new MillraceError("BACKEND_CORRUPT", `the details or the definition of run ${run.id} are missing`);
  const status = isTerminalRun(run.status) ? run.status : "paused";
  return { definition, state: { ...run, status, affinity: undefined }, details: detailsOf(store, run.id, record) };
}

/** Equal for equal states of a run. */
export function markOf(run: RunState): string {
  return digest(canonicalJson({ ...run }));
}

/** Equal for heads of what is one and the same run: all but what nodes put into their errors, which stores may simplify. */
export function identityOf({ state, details, definition }: RunHead): string {
  const { input, output, failure, tags, ...rest } = details;
  const { affinity: _, ...counted } = state;
  return digest(
    canonicalJson([
      definition.hash,
      counted,
      { ...rest, input: digest(input), output: output === undefined ? null : digest(output) },
      failure === undefined ? null : [failure.code, failure.message, failure.node ?? null, failure.item ?? null],
      Object.entries(tags).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
  );
}

/** The details of the record. A key that another run has taken over is not this one's any more. */
function detailsOf(store: RowStore, runId: string, record: RunDetails): RunDetails {
  const { workflow, version, input, output, failure, tags, idempotencyKey, inputDigest, parent } = record;
  const holds = idempotencyKey !== undefined && store.runIdByKey(workflow, idempotencyKey) === runId;
  const key = holds ? idempotencyKey : undefined;
  return { workflow, version, input, output, failure, tags, idempotencyKey: key, inputDigest, parent };
}

function readNodes(text: string): readonly string[] {
  const parsed: unknown = JSON.parse(text);
  return Array.isArray(parsed) ? parsed.filter((node) => typeof node === "string") : [];
}
