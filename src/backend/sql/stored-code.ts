/**
 * Small numbers in place of the words of a closed set (statuses, kinds, reasons). Numbers are positions in the list, so
 * a list is only ever appended to. A number that is not in the list means that the store is damaged.
 */

import { MillraceError } from "../../core/errors.ts";
import type { RunStatus, WorkItemStatus } from "../../core/status.ts";
import type { Completion } from "../contract/run.ts";
import type { ClaimReason, WorkItem } from "../contract/work-item.ts";

export interface StoredCode<T extends string> {
  encode(word: T): number;
  /** Throws `BACKEND_CORRUPT` for anything that `encode` never gave. */
  decode(code: unknown): T;
}

function storedCode<T extends string>(what: string, words: readonly T[]): StoredCode<T> {
  const codes = new Map(words.map((word, code) => [word, code]));
  return {
    encode(word) {
      const code = codes.get(word);
      if (code === undefined) throw new MillraceError("INTERNAL", `${JSON.stringify(word)} is no ${what}`);
      return code;
    },
    decode(code) {
      const word = typeof code === "number" ? words[code] : undefined;
      if (word === undefined) throw new MillraceError("BACKEND_CORRUPT", `the store holds an unknown ${what}`);
      return word;
    },
  };
}

export const RUN_STATUS = storedCode<RunStatus>("status of a run", [
  "running",
  "waiting",
  "paused",
  "compensating",
  "completed",
  "failed",
  "cancelled",
]);

export const ITEM_STATUS = storedCode<WorkItemStatus>("status of a work item", [
  "pending",
  "in_progress",
  "waiting_retry",
  "waiting",
  "held",
  "completed",
  "failed",
  "permanently_failed",
  "cancelled",
]);

export const ITEM_KIND = storedCode<WorkItem["kind"]>("kind of work item", ["node", "join"]);

export const COMPLETION = storedCode<Completion>("completion mode", ["single", "first", "all"]);

export const CLAIM_REASON = storedCode<ClaimReason>("reason of a claim", ["ready", "stalled", "timeout", "deadline"]);
