/**
 * Which runs are meant, as users say it, and as a backend is asked for them. A selection that acts on runs must say what
 * it selects: one without a condition, or with a word that is no condition, is refused, so that a misspelt option never
 * means every run.
 */

import type { RunFilter } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import { type Instant, toInstant } from "../core/instant.ts";
import type { RunStatus } from "../core/status.ts";

/** Conditions on runs; all that are given must hold. */
export interface RunConditions {
  readonly status?: RunStatus | readonly RunStatus[] | undefined;
  readonly workflow?: string | undefined;
  readonly version?: string | undefined;
  /** Every given tag must be equal. */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Part of the id, the workflow's name, a tag's value or the idempotency key; no wildcards. */
  readonly search?: string | undefined;
  /** Started then or later. */
  readonly since?: Instant | undefined;
  /** Started then or earlier. */
  readonly until?: Instant | undefined;
}

/** The runs that something is done to. */
export interface RunSelection extends RunConditions {
  /** Without any condition: every run of the namespace. */
  readonly all?: boolean | undefined;
}

/** The conditions as a backend takes them. Throws `INVALID_VALUE` for what is no instant. */
export function toRunFilter({ status, since, until, ...rest }: RunConditions): RunFilter {
  return {
    ...rest,
    status: typeof status === "string" ? [status] : status,
    since: since === undefined ? undefined : toInstant(since, "since"),
    until: until === undefined ? undefined : toInstant(until, "until"),
  };
}

const CONDITIONS = {
  status: true,
  workflow: true,
  version: true,
  tags: true,
  search: true,
  since: true,
  until: true,
} as const satisfies Record<keyof RunConditions, true>;

/** The filter of a selection. Throws `INVALID_VALUE` for one without a condition, or with something that is none. */
export function selectRuns(selection: RunSelection): RunFilter {
  const { all, ...conditions } = selection;
  const unknown = Object.keys(conditions).filter((key) => !Object.hasOwn(CONDITIONS, key));
  if (unknown.length > 0) {
    throw new MillraceError("INVALID_VALUE", `runs cannot be selected by ${unknown.join(", ")}`, {
      hints: [`They are selected by ${Object.keys(CONDITIONS).join(", ")}.`],
    });
  }
  if (all !== true && !Object.values(conditions).some(isCondition)) {
    throw new MillraceError("INVALID_VALUE", "a selection without a condition would mean every run", {
      hints: ["Give a condition, or say { all: true } if every run of the namespace is meant."],
    });
  }
  return toRunFilter(conditions);
}

/** An empty text and an empty set of tags hold for every run. */
function isCondition(value: unknown): boolean {
  if (value === undefined || value === "") return false;
  const isTags = typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
  return !isTags || Object.keys(value).length > 0;
}
