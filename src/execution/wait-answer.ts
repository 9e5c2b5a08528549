/**
 * The second phase of a wait: what the body is given of the answer. One that does not fit, or a child that did not
 * complete, fails the attempt, and whoever tries again waits again.
 */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { ChildEnd } from "../backend/contract/wait.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { formatDuration } from "../core/duration.ts";
import { type AttemptFailure, describeFailure, type FailureRecord, MillraceError } from "../core/errors.ts";
import { decodeValue } from "../core/values.ts";
import { parseWith } from "../definition/schema.ts";
import type { WaitRuntime } from "../definition/waits/wait-runtime.ts";

/** How a child run ended, as far as there is anything to read. */
export type ChildResult =
  | { readonly kind: "completed"; readonly output: unknown }
  | { readonly kind: "ended"; readonly failure: FailureRecord | undefined }
  | { readonly kind: "absent" };

/** Reads the end of a child run. Resolves or throws for good. */
export type ReadChild = (runId: string) => Promise<ChildResult>;

/** An answer that fails the attempt. The wait for it counts no more. */
export class BadAnswer {
  readonly #failure: AttemptFailure;
  /** No other attempt would help. */
  readonly #isFinal: boolean;

  constructor(error: MillraceError, isFinal = false) {
    this.#failure = describeFailure(error);
    this.#isFinal = isFinal;
  }

  /** Of anything thrown, without asking it anything. */
  static of(thrown: unknown): { readonly failure: AttemptFailure; readonly isFinal: boolean } | undefined {
    if (typeof thrown !== "object" || thrown === null || !(#failure in thrown)) return undefined;
    return { failure: thrown.#failure, isFinal: thrown.#isFinal };
  }
}

/** What was received, parsed; nothing after a sleep. Throws a `BadAnswer`, and what reading throws. */
export async function receivedBy(
  node: string,
  { shown, receive }: WaitRuntime,
  { answer }: ClaimedItem,
  readChild: ReadChild,
): Promise<{ readonly received?: unknown }> {
  if (shown.kind === "sleep" || answer === undefined) return {};
  if (shown.kind === "child") return { received: await outputOf(node, endIn(answer), readChild) };
  const what = `the answer that node "${node}" waited for`;
  try {
    const value = decodeValue(answer, { what, code: "INVALID_INPUT" });
    const parsed = receive === undefined ? ({ ok: true, value } as const) : await parseWith(receive, value);
    if (parsed.ok) return { received: parsed.value };
    throw new MillraceError("INVALID_INPUT", `${what} does not fit its schema: ${parsed.issues.join("; ")}`, {
      details: { issues: parsed.issues },
    });
  } catch (error) {
    throw error instanceof MillraceError ? new BadAnswer(error) : error;
  }
}

/** Why an item whose wait was in vain has failed. */
export function waitedInVain({ node, wait }: WorkItem): string {
  const [kind, ms] = [wait?.kind ?? "input", (wait?.dueAt ?? 0) - (wait?.since ?? 0)];
  const what = { sleep: "", event: "an event", input: "an input", tool: "the result of a tool", child: "a child run" };
  return `node "${node}" waited ${formatDuration(ms)} in vain for ${what[kind]}`;
}

/** Whether the item failed because its wait was in vain. */
export function isInVain({ wait, reason }: WorkItem): boolean {
  return reason === "deadline" && wait?.over === "time" && wait.kind !== "sleep";
}

async function outputOf(node: string, end: ChildEnd, readChild: ReadChild): Promise<unknown> {
  const { runId } = end;
  const result: ChildResult =
    end.failure === undefined ? await readChild(runId) : { kind: "ended", failure: end.failure };
  if (end.status === "completed" && result.kind === "completed") return result.output;
  const { failure } = result.kind === "ended" ? result : { failure: undefined };
  const status = end.status === "completed" ? "gone" : end.status === "failed" ? "failed" : "was cancelled";
  const why = failure === undefined ? "" : `: ${failure.code}: ${failure.message}`;
  const details = { runId, status: end.status, code: failure?.code, message: failure?.message };
  const error = new MillraceError("CHILD_FAILED", `the child run ${runId} of node "${node}" ${status}${why}`, {
    details,
  });
  throw new BadAnswer(error, end.status === "cancelled");
}

function endIn(answer: Uint8Array): ChildEnd {
  const end = decodeValue(answer, { what: "the end of a child run" });
  if (isEnd(end)) return end;
  throw new MillraceError("BACKEND_CORRUPT", "the end of a child run is not one");
}

function isEnd(value: unknown): value is ChildEnd {
  if (typeof value !== "object" || value === null || !("runId" in value) || !("status" in value)) return false;
  return typeof value.runId === "string" && ENDS.some((status) => status === value.status);
}

const ENDS: readonly ChildEnd["status"][] = ["completed", "failed", "cancelled"];
