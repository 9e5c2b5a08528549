/**
 * The answer of a session's last request as text. Written with every request of every worker, so it is short: rows instead
 * of records, and claimed items by reference. It is read back only by the code that wrote it.
 */

import { MillraceError } from "../../core/errors.ts";
import type { CommitAnswer } from "../contract/commit.ts";
import type { ClaimReference } from "./claim.ts";

export interface StoredAnswer {
  readonly answers: readonly CommitAnswer[];
  readonly references: readonly ClaimReference[];
  readonly now: number;
  readonly nextDueAt: number | undefined;
}

type Committed = Extract<CommitAnswer, { kind: "committed" }>;
type Refused = Extract<CommitAnswer, { kind: "refused" }>;
type AnswerRow =
  | readonly [
      Committed["sequence"],
      Committed["appended"],
      Committed["at"],
      Committed["runStatus"],
      Committed["itemStatus"],
    ]
  | readonly [Refused["sequence"], Refused["code"], Refused["message"]];
type ReferenceRow = readonly [string, number, number, ClaimReference["reason"], number, number];
type StoredRow = readonly [number, number | null, readonly AnswerRow[], readonly ReferenceRow[]];

export function encodeAnswer({ answers, references, now, nextDueAt }: StoredAnswer): string {
  const row: StoredRow = [now, nextDueAt ?? null, answers.map(answerRow), references.map(referenceRow)];
  return JSON.stringify(row);
}

/** Throws `BACKEND_CORRUPT` for what `encodeAnswer` did not write. */
export function decodeAnswer(text: string): StoredAnswer {
  const row = parse(text);
  if (!isStoredRow(row)) throw new MillraceError("BACKEND_CORRUPT", "the stored answer of a session cannot be read");
  const [now, nextDueAt, answers, references] = row;
  return {
    now,
    nextDueAt: nextDueAt ?? undefined,
    answers: answers.map(answerOf),
    references: references.map(referenceOf),
  };
}

function answerRow(answer: CommitAnswer): AnswerRow {
  return answer.kind === "committed"
    ? [answer.sequence, answer.appended, answer.at, answer.runStatus, answer.itemStatus]
    : [answer.sequence, answer.code, answer.message];
}

function answerOf(row: AnswerRow): CommitAnswer {
  if (row.length === 3) {
    const [sequence, code, message] = row;
    return { kind: "refused", code, message, sequence };
  }
  const [sequence, appended, at, runStatus, itemStatus] = row;
  return { kind: "committed", sequence, appended, at, runStatus, itemStatus };
}

function referenceRow({ runId, item, epoch, reason, generation, sequence }: ClaimReference): ReferenceRow {
  return [runId, item, epoch, reason, generation, sequence];
}

function referenceOf([runId, item, epoch, reason, generation, sequence]: ReferenceRow): ClaimReference {
  return { runId, item, epoch, reason, generation, sequence };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isStoredRow(row: unknown): row is StoredRow {
  return Array.isArray(row) && row.length === 4 && Array.isArray(row[2]) && Array.isArray(row[3]);
}
