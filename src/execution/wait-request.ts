/**
 * The first phase of a wait: from what a node asks for to the commit that parks its item. Pure but for the user's functions
 * and schemas. Everything that could not be committed is thrown here and fails the attempt.
 */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { CommitOutcomeRequest } from "../backend/contract/commit.ts";
import type { NewWait } from "../backend/contract/wait.ts";
import type { WorkItem } from "../backend/contract/work-item.ts";
import { MillraceError } from "../core/errors.ts";
import { LIMITS } from "../core/limits.ts";
import { encodeValue } from "../core/values.ts";
import type { AttemptArgs } from "../definition/attempt.ts";
import { jsonSchemaOf } from "../definition/schema.ts";
import type { WaitRequest, WaitRuntime } from "../definition/waits/wait-runtime.ts";
import { newChild } from "./child-start.ts";
import type { NodeProgram } from "./program.ts";

/** Whether the item has yet to wait, or to wait again: an answer counts for all attempts, a deadline that passed for none. */
export function hasToWait({ wait }: WorkItem, { shown }: WaitRuntime): boolean {
  if (wait?.kind !== shown.kind) return true;
  return wait.over !== "answer" && !(wait.over === "time" && wait.kind === "sleep");
}

/** What an item is parked with. Throws what the user's functions throw, `INVALID_VALUE`, `INVALID_INPUT`, `PAYLOAD_TOO_LARGE`. */
export async function waitOutcome(
  { name, node }: NodeProgram,
  wait: WaitRuntime,
  { input = NULL, run }: ClaimedItem,
  args: AttemptArgs,
): Promise<Extract<CommitOutcomeRequest, { kind: "wait" }>> {
  const request = await wait.request(args);
  const { kind } = wait.shown;
  const details = new TextDecoder().decode(
    encodeValue(detailsOf(wait, request), { what: `what node "${name}" waits with`, maxDepth: LIMITS.envelopeDepth }),
  );
  const durationMs = kind === "sleep" ? request.durationMs : node.wait?.deadlineMs;
  const parked: NewWait = { kind, durationMs, details, ...eventOf(name, wait, request) };
  if (wait.child === undefined) return { kind: "wait", wait: parked };
  const child = await newChild(wait.child, input, { context: request.context, priority: run.priority });
  return { kind: "wait", wait: { ...parked, child } };
}

const NULL = new TextEncoder().encode("null");

/** For people and tools. */
function detailsOf({ shown, receive }: WaitRuntime, request: WaitRequest): Readonly<Record<string, unknown>> {
  const schema = receive === undefined ? undefined : jsonSchemaOf(receive);
  switch (shown.kind) {
    case "sleep":
      return {};
    case "event":
      return { where: request.conditions?.map(({ path, equals }) => ({ path, equals })), schema };
    case "input":
      return { prompt: request.prompt, schema };
    case "tool":
      return { tool: shown.tool, arguments: request.arguments ?? null, schema };
    case "child":
      return { workflow: shown.workflow };
  }
}

function eventOf(
  node: string,
  { shown }: WaitRuntime,
  { key = "", conditions = [] }: WaitRequest,
): Pick<NewWait, "event"> {
  if (shown.event === undefined) return {};
  if (key.length > LIMITS.keyLength) {
    throw new MillraceError(
      "INVALID_VALUE",
      `the key that node "${node}" waits for has ${key.length} characters; at most ${LIMITS.keyLength} are allowed`,
    );
  }
  return { event: { name: shown.event, key, conditions } };
}
