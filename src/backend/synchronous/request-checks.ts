/**
 * What no caller may send, whatever its state: refused with `INVALID_VALUE` before anything is read or written. Payloads are
 * opaque here and not looked at; what is checked are the numbers that the engine counts and loops by.
 */

import { MillraceError } from "../../core/errors.ts";
import { LIMITS } from "../../core/limits.ts";
import { isName } from "../../core/names.ts";
import type { Claim, CommitAndClaim } from "../contract/claim.ts";
import type { Commit, CommitOutcomeRequest, NewItem } from "../contract/commit.ts";
import type { ControlRequest } from "../contract/control.ts";
import type { StartRun } from "../contract/run.ts";
import type { NewSession } from "../contract/session.ts";
import type { SentEvent } from "../contract/wait.ts";

export function checkRequest({ request, commits, claim }: CommitAndClaim): void {
  check(isCount(request) && request > 0, "a request's number is a whole number from 1");
  check(commits.length <= LIMITS.batchCommits, `a request carries at most ${LIMITS.batchCommits} commits`);
  const fits = commits.length <= 1 || bytesOf(commits) <= LIMITS.batchBytes;
  check(fits, `the commits of a request have at most ${LIMITS.batchBytes} bytes together; a larger one travels alone`);
  for (const [position, commit] of commits.entries()) checkCommit(commit, position, commits);
  if (claim !== undefined) checkClaim(claim);
}

export function checkSession({ id, leaseMs }: NewSession): void {
  check(isCount(leaseMs) && leaseMs > 0, `the lease of session ${id} is a whole number of milliseconds from 1`);
}

export function checkStart({
  first,
  delta,
  maxItems,
  priority,
  timeoutMs = 0,
  startAt = 0,
}: Pick<StartRun, "first" | "delta" | "maxItems" | "priority" | "timeoutMs" | "startAt">): void {
  checkItem(first);
  checkFields(delta?.writes ?? []);
  check([maxItems, timeoutMs].every(isDuration), "the limits of a run are not negative");
  check([priority, startAt].every(Number.isFinite), "the priority and the start of a run are numbers");
}

export function checkEvent({ name, key, id = "" }: Pick<SentEvent, "name" | "key" | "id">): void {
  check(isName(name), "the name of an event is a name");
  const fits = [key, id].every((text) => text.length <= LIMITS.keyLength);
  check(fits, `the key and the id of an event have at most ${LIMITS.keyLength} characters`);
}

export function checkControl({ action }: ControlRequest): void {
  if (action.kind === "merge") checkFields(action.writes);
  if (action.kind === "enqueue") checkItem(action.item);
  if (action.kind === "resume") {
    check([action.maxItems ?? 0, action.timeoutMs ?? 0].every(isDuration), "the new limits of a run are not negative");
  }
  if (action.kind === "setAttempts") {
    const { attempts } = action;
    check(Number.isSafeInteger(typeof attempts === "number" ? attempts : attempts.add), "attempts are a whole number");
  }
}

function checkCommit(commit: Commit, position: number, commits: readonly Commit[]): void {
  const { runId, after, reads, writes, outcome, conflicts } = commit;
  const isEarlier = (at: number): boolean => isCount(at) && at < position && commits[at]?.runId === runId;
  check(after.every(isEarlier), "a commit builds only on earlier commits of the same run in the same request");
  check(isCount(conflicts), "the conflicts of a commit are a whole number");
  checkFields(reads);
  checkFields(writes);
  checkOutcome(outcome);
}

function checkOutcome(outcome: CommitOutcomeRequest): void {
  switch (outcome.kind) {
    case "emit":
    case "failOver":
      for (const item of outcome.items) checkItem(item);
      return;
    case "retry":
    case "release":
      return check(isDuration(outcome.delayMs), "a delay is not negative");
    case "wait":
      check(isDuration(outcome.wait.durationMs ?? 0), "the length of a wait is not negative");
      if (outcome.wait.event !== undefined) checkEvent(outcome.wait.event);
      if (outcome.wait.child !== undefined) checkStart(outcome.wait.child);
      return;
    case "hold":
    case "fail":
      return;
  }
}

function checkItem({ node, delayMs, timeoutMs, deadlineMs = 0, priority }: NewItem): void {
  check([delayMs, timeoutMs, deadlineMs].every(isDuration), `the times of an item of "${node}" are not negative`);
  check(Number.isFinite(priority), `the priority of an item of "${node}" is a number`);
}

function checkFields(fields: readonly number[]): void {
  const known = fields.every((field) => isCount(field) && field < LIMITS.contextFields);
  check(known, `a field's number is a whole number below ${LIMITS.contextFields}`);
}

export function checkClaim({ limit, stalledLimit, maxStalls, graceMs, queues, labels, definitions }: Claim): void {
  check(
    [limit, stalledLimit, maxStalls].every(isCount) && isDuration(graceMs),
    "the numbers of a claim are not negative",
  );
  const names = Math.max(queues.length, labels.length);
  check(names <= LIMITS.claimNames, `a claim names at most ${LIMITS.claimNames} queues and labels`);
  check(definitions.length <= LIMITS.claimDefinitions, `a claim names at most ${LIMITS.claimDefinitions} definitions`);
}

function bytesOf(commits: readonly Commit[]): number {
  return commits.reduce((sum, commit) => sum + lengthOf(commit.delta) + outcomeBytes(commit.outcome), 0);
}

function outcomeBytes(outcome: CommitOutcomeRequest): number {
  if (outcome.kind === "wait") return outcome.wait.details.length + 2 * lengthOf(outcome.wait.child?.input);
  if (outcome.kind !== "emit" && outcome.kind !== "failOver") return 0;
  const values = [...outcome.arrivals, ...(outcome.kind === "emit" ? outcome.outputs : [])];
  const items = outcome.items.reduce((sum, item) => sum + lengthOf(item.input) + lengthOf(item.failure), 0);
  return values.reduce((sum, { value }) => sum + lengthOf(value), items);
}

function lengthOf(bytes: Uint8Array | undefined): number {
  return bytes?.byteLength ?? 0;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isDuration(value: number): boolean {
  return Number.isFinite(value) && value >= 0;
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new MillraceError("INVALID_VALUE", message);
}
