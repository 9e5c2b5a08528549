/** The wait of a work item as a short list in JSON, and back. Invariant: `readWait(writeWait(wait))` equals the wait. */

import { MillraceError } from "../../core/errors.ts";
import type { WaitState } from "../contract/work-item.ts";

const KINDS = ["sleep", "event", "input", "tool", "child"] as const;
const ENDS = ["answer", "time"] as const;

type StoredWait = readonly [number, number, number, number | null, number | null, number | null];

export function writeWait(wait: WaitState): StoredWait {
  const over = wait.over === undefined ? null : ENDS.indexOf(wait.over);
  return [KINDS.indexOf(wait.kind), wait.number, wait.since, wait.dueAt ?? null, wait.deadlineLeftMs ?? null, over];
}

/** Throws `BACKEND_CORRUPT` for what `writeWait` did not write. */
export function readWait(stored: unknown): WaitState {
  if (!isStoredWait(stored)) throw damaged();
  const [kind, number, since, dueAt, left, over] = stored;
  const known = KINDS[kind];
  if (known === undefined) throw damaged();
  return {
    kind: known,
    number,
    since,
    dueAt: dueAt ?? undefined,
    deadlineLeftMs: left ?? undefined,
    over: over === null ? undefined : ENDS[over],
  };
}

function isStoredWait(stored: unknown): stored is StoredWait {
  return (
    Array.isArray(stored) &&
    stored.length === 6 &&
    stored.every((part, at) => typeof part === "number" || (at > 2 && part === null))
  );
}

function damaged(): MillraceError {
  return new MillraceError("BACKEND_CORRUPT", "the wait of a work item in the store is not readable");
}
