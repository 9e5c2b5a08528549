/**
 * The digest of a commit: what tells a commit that is sent again from another one for the same claim. It covers
 * everything in the commit, in a fixed order, and is the same in every process. Small payloads go in as they are, large
 * ones by their own digest, so that nothing large is copied.
 */

import { Buffer } from "node:buffer";
import type { Commit, CommitOutcomeRequest, NewArrival, NewItem, NewOutput } from "../backend/contract/commit.ts";
import type { NewWait } from "../backend/contract/wait.ts";
import type { JoinTemplate } from "../backend/contract/work-item.ts";
import { digest } from "../core/digest.ts";
import type { FailureRecord } from "../core/errors.ts";

type Part = string | number | null | readonly Part[];

/** 32 hexadecimal characters. */
export function commitDigest(commit: Omit<Commit, "digest">): string {
  const { runId, item, epoch, generation, base, reads, writes, after, conflicts } = commit;
  const parts: Part = [
    [runId, item, epoch, generation, base, conflicts],
    reads,
    writes,
    after,
    bytesPart(commit.delta),
    outcomePart(commit.outcome),
    commit.metrics.map(({ name, value }): Part => [name, value]),
    commit.logs.map(({ at, level, message, data }): Part => [at, level, message, data ?? null]),
  ];
  return digest(JSON.stringify(parts));
}

function waitPart({ kind, durationMs, details, event, child }: NewWait): Part {
  return [
    kind,
    durationMs ?? null,
    details,
    event === undefined
      ? null
      : [event.name, event.key, event.conditions.map(({ path, equals }): Part => [path, equals])],
    child === undefined
      ? null
      : [
          child.workflow,
          child.version,
          child.definition,
          child.onParentClose,
          itemPart(child.first),
          bytesPart(child.delta?.bytes),
        ],
  ];
}

function outcomePart(outcome: CommitOutcomeRequest): Part {
  switch (outcome.kind) {
    case "emit":
      return [
        outcome.kind,
        outcome.items.map(itemPart),
        outcome.arrivals.map(arrivalPart),
        outcome.outputs.map(({ index, value }: NewOutput): Part => [index, bytesPart(value)]),
        outcome.width,
        outcome.opens === undefined ? null : outcome.opens.joins.map(templatePart),
      ];
    case "hold":
      return [outcome.kind];
    case "retry":
      return [outcome.kind, outcome.delayMs, failurePart(outcome.failure), outcome.waitsAgain === true ? 1 : 0];
    case "failOver":
      return [
        outcome.kind,
        failurePart(outcome.failure),
        outcome.items.map(itemPart),
        outcome.arrivals.map(arrivalPart),
        outcome.width,
      ];
    case "fail":
      return [outcome.kind, failurePart(outcome.failure), outcome.waitsAgain === true ? 1 : 0];
    case "wait":
      return [outcome.kind, waitPart(outcome.wait)];
    case "release":
      return [outcome.kind, outcome.delayMs];
  }
}

function itemPart(item: NewItem): Part {
  return [templatePart(item), item.kind, bytesPart(item.input), bytesPart(item.failure), item.delayMs, item.index];
}

function templatePart({ node, queue, labels, keys, priority, timeoutMs, deadlineMs }: JoinTemplate): Part {
  return [node, queue, labels, keys, priority, timeoutMs, deadlineMs ?? null];
}

function arrivalPart({ join, of, index, value }: NewArrival): Part {
  return [join, of, index, bytesPart(value)];
}

function failurePart({ code, message, stack, details }: FailureRecord): Part {
  return [code, message, stack ?? null, details === undefined ? null : digest(JSON.stringify(details) ?? "")];
}

const INLINE_BYTES = 1_024;

function bytesPart(bytes: Uint8Array | undefined): Part {
  if (bytes === undefined) return null;
  if (bytes.length > INLINE_BYTES) return [digest(bytes)];
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
