/**
 * The handle of a dequeued item: its lease, and the ways to end it. Each way is one commit with the guards of any other,
 * so a handle that lost its lease changes nothing and says `STALE_LEASE`. It runs no code of the workflow; whoever holds
 * the handle does the work. Invariant: a handle ends its item at most once.
 */

import type { ClaimedItem } from "../backend/contract/claim.ts";
import type { Commit, CommitAnswer, CommitOutcomeRequest } from "../backend/contract/commit.ts";
import type { BackendOperations } from "../backend/contract/operations.ts";
import type { ClaimReason } from "../backend/contract/work-item.ts";
import { type Duration, toDelayMilliseconds } from "../core/duration.ts";
import { describeFailure, failureRecord, MillraceError } from "../core/errors.ts";
import { decodeValue } from "../core/values.ts";
import { type Definition, nodeOf } from "../definition/definition.ts";
import { commitDigest } from "../execution/commit-digest.ts";
import { joinedPayload, readAllArrivals } from "../execution/join-inputs.ts";
import { type Emitter, emissionOf, failureOutcome } from "./emission.ts";
import { formatItemId } from "./item-id.ts";
import type { PrivateSession } from "./private-session.ts";
import type { PublishedDefinition } from "./published-definitions.ts";

/** A work item that its holder has leased. Every way to end it throws `STALE_LEASE` or `RUN_CLOSED` when it is too late. */
export interface DequeuedItem extends AsyncDisposable {
  readonly itemId: string;
  readonly runId: string;
  readonly workflow: string;
  readonly version: string;
  readonly node: string;
  /** What the node would be given: its input, or of a join what arrived. Not parsed by any schema. */
  readonly input: unknown;
  /** From 1. */
  readonly attempt: number;
  /** The same on every attempt. */
  readonly idempotencyKey: string;
  /** Everything but `ready` means that the item has to be failed, not worked on. */
  readonly reason: ClaimReason;
  /** Ends the item: the value goes along the node's edge, or is an output of the run. Throws `ILLEGAL_TRANSITION` if a guard decides. */
  complete(value: unknown): Promise<void>;
  /** The attempt failed and is made again after the delay. Whatever was thrown will do. */
  retry(thrown: unknown, options?: { readonly delay?: Duration | undefined }): Promise<void>;
  /** The item failed for good: its failure edge takes over, or the run fails. */
  fail(thrown: unknown): Promise<void>;
  /** Gives the item back; no attempt is counted. */
  release(options?: { readonly delay?: Duration | undefined }): Promise<void>;
  /** Holds the lease for longer; false when it is lost. */
  renew(): Promise<boolean>;
}

/** The handle of a claimed item. */
export async function dequeuedItem(
  operations: BackendOperations,
  session: PrivateSession,
  claimed: ClaimedItem,
  { definition }: PublishedDefinition,
): Promise<DequeuedItem> {
  const { item, run, reason } = claimed;
  const { runId, node } = item;
  const itemId = formatItemId(runId, item.item);
  const attempt = item.attempts + 1;
  const emitter: Emitter = { definition, node, runPriority: run.priority };
  const payload = await payloadOf(operations, claimed, definition);
  const input = payload === undefined ? undefined : decodeValue(payload, { what: `the input of item ${itemId}` });
  let ended: CommitOutcomeRequest | undefined;

  const end = async (outcome: CommitOutcomeRequest): Promise<void> => {
    if (ended !== undefined) {
      throw new MillraceError("ILLEGAL_TRANSITION", `item ${itemId} was ended before by this handle`, {
        runId,
        itemId,
        node,
      });
    }
    const { answers } = await session.send([commitOf(claimed, outcome)]);
    checkAnswer(answers[0], { runId, itemId, node });
    ended = outcome;
    await session.close();
  };

  const checkReady = (): void => {
    if (reason === "ready") return;
    const message = `item ${itemId} was handed out because of its ${reason}; it can only fail`;
    throw new MillraceError("ILLEGAL_TRANSITION", message, {
      runId,
      itemId,
      node,
      hints: ["Call fail on the handle."],
    });
  };

  return {
    ...{ itemId, runId, node, input, attempt, reason },
    workflow: run.workflow,
    version: run.version,
    idempotencyKey: item.revision === 0 ? itemId : `${itemId}.r${item.revision}`,
    async complete(value) {
      checkReady();
      await end(emissionOf(emitter, value));
    },
    async retry(thrown, { delay = 0 } = {}) {
      const failure = failureRecord(describeFailure(thrown));
      await end({ kind: "retry", delayMs: toDelayMilliseconds(delay, "the delay of a retry"), failure });
    },
    async fail(thrown) {
      const failure = failureRecord(describeFailure(thrown));
      await end(failureOutcome(emitter, failure, { input: payload, attempt }));
    },
    async release({ delay = 0 } = {}) {
      await end({ kind: "release", delayMs: toDelayMilliseconds(delay, "the delay of a release") });
    },
    renew: () => session.renew(),
    async [Symbol.asyncDispose]() {
      if (ended === undefined) await session.close();
    },
  };
}

/** Of a join: the values that arrived, as its failure edge would hand them on. */
async function payloadOf(
  operations: BackendOperations,
  { item, input }: ClaimedItem,
  definition: Definition,
): Promise<Uint8Array | undefined> {
  const { runId, node, joins } = item;
  if (joins === undefined) return input;
  const read = (cursor: string | undefined) => operations.read.arrivals(runId, joins, node, { cursor });
  const kind = nodeOf(definition, node)?.kind === "joinByName" ? "joinByName" : "join";
  return joinedPayload(kind, await readAllArrivals(node, read));
}

function commitOf({ item, run }: ClaimedItem, outcome: CommitOutcomeRequest): Commit {
  const content = {
    runId: item.runId,
    item: item.item,
    epoch: item.epoch,
    generation: run.generation,
    base: run.sequence,
    reads: [],
    writes: [],
    after: [],
    delta: undefined,
    outcome,
    conflicts: 0,
    metrics: [],
    logs: [],
  };
  return { ...content, digest: commitDigest(content) };
}

function checkAnswer(
  answer: CommitAnswer | undefined,
  where: { readonly runId: string; readonly itemId: string; readonly node: string },
): void {
  if (answer === undefined) throw new MillraceError("INTERNAL", "the backend gave no answer to a commit", where);
  if (answer.kind === "refused") throw new MillraceError(answer.code, answer.message, where);
}
