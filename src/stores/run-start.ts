/**
 * What it takes to start a run, checked and turned into the record that a backend takes. Pure but for the id, which the
 * caller gives. It knows the definition alone; whether the input fits the start node's schema is checked by who has the
 * code. Invariant: what is built here is accepted by every backend, or refused for a state, never for its form.
 */

import type { NewItem } from "../backend/contract/commit.ts";
import type { StartRun } from "../backend/contract/run.ts";
import { type Duration, toDelayMilliseconds } from "../core/duration.ts";
import { MillraceError } from "../core/errors.ts";
import { type Instant, toInstant } from "../core/instant.ts";
import { LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import { canonicalDigest, encodeValue } from "../core/values.ts";
import type { ContextShape } from "../definition/context/shape.ts";
import { type Definition, nodeOf } from "../definition/definition.ts";
import { initialDelta } from "../execution/child-start.ts";
import { addSuccessor, firstItem, type Rows } from "../execution/successors.ts";
import type { PublishedDefinition } from "./published-definitions.ts";

/** How a run is started, whatever its workflow. All may be left out. */
export interface RunOptions {
  /** A name; a UUIDv7 if absent. */
  readonly id?: string | undefined;
  /** The same key with the same input gives the same run; scope is namespace and workflow name. Kept as long as the run. */
  readonly idempotencyKey?: string | undefined;
  /** What to do when the key is taken by a run with the same input; `return` that run if absent. */
  readonly onConflict?: "return" | "fail" | "cancelRunning" | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  /** Higher is sooner; an integer, 0 if absent. Added to the priorities of the nodes. */
  readonly priority?: number | undefined;
  /** Nothing of the run is claimed before this has passed. */
  readonly delay?: Duration | undefined;
  /** Nothing of the run is claimed before this instant. With `delay`, the later one counts. */
  readonly startAt?: Instant | undefined;
}

/** A start with everything found that it needs. */
export interface PreparedStart {
  readonly id: string;
  readonly published: PublishedDefinition;
  readonly input: unknown;
  readonly options: RunOptions;
  /** Initial values by field, and the shape that they are read by. */
  readonly context?: { readonly shape: ContextShape; readonly init: unknown } | undefined;
}

/** Builds the record. Throws `INVALID_INPUT`, `INVALID_VALUE`, `PAYLOAD_TOO_LARGE`, `TOO_DEEP` or `TOO_MANY_KEYS`. */
export function buildStart({ id, published, input, options, context }: PreparedStart): StartRun {
  const { definition, hash } = published;
  const { name, version, completion, maxItems, timeoutMs } = definition;
  const what = `the input of ${name}`;
  const bytes = encodeValue(input, { what, code: "INVALID_INPUT" });
  const priority = checkPriority(options.priority);
  return {
    id: checkName(id, "the id of a run"),
    workflow: name,
    version,
    definition: hash,
    input: bytes,
    inputDigest: canonicalDigest(input),
    idempotencyKey: checkKey(options.idempotencyKey),
    onConflict: checkOnConflict(options.onConflict),
    delta: context && initialDelta(context.shape, context.init),
    first: firstItem(definition, bytes, priority, toDelayMilliseconds(options.delay ?? 0, "the delay of a run")),
    completion,
    maxItems,
    timeoutMs,
    startAt: options.startAt === undefined ? undefined : toInstant(options.startAt, "the start of a run"),
    priority,
    tags: checkTags(options.tags),
  };
}

/**
 * A work item of a node as the definition describes it. Throws `INVALID_VALUE` for a node that the workflow does not
 * have, and for a join: joins are made by the group that they close.
 */
export function newItem(
  definition: Definition,
  node: string,
  input: Uint8Array,
  { runPriority, delayMs }: { readonly runPriority: number; readonly delayMs: number },
): NewItem {
  if (nodeOf(definition, node) === undefined) {
    throw new MillraceError("INVALID_VALUE", `${definition.name}@${definition.version} has no node "${node}"`, {
      hints: [`Its nodes are: ${Object.keys(definition.nodes).slice(0, 50).join(", ")}.`],
    });
  }
  const rows: Rows = { items: [], arrivals: [], outputs: [] };
  addSuccessor(rows, definition, node, input, 0, { runPriority, delayMs });
  const [item] = rows.items;
  if (item !== undefined) return item;
  throw new MillraceError("INVALID_VALUE", `"${node}" is a join; its items are made by the fan-out that it joins`);
}

function checkPriority(priority: number | undefined): number {
  if (priority === undefined) return 0;
  if (Number.isSafeInteger(priority)) return priority;
  throw new MillraceError("INVALID_VALUE", `the priority of a run must be an integer, not ${String(priority)}`);
}

function checkKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (typeof key === "string" && key !== "" && key.length <= LIMITS.keyLength) return key;
  throw new MillraceError(
    "INVALID_VALUE",
    `an idempotency key must be a string of 1 to ${LIMITS.keyLength} characters`,
  );
}

const ON_CONFLICT: readonly unknown[] = ["return", "fail", "cancelRunning"] satisfies StartRun["onConflict"][];

function checkOnConflict(onConflict: RunOptions["onConflict"] = "return"): StartRun["onConflict"] {
  if (ON_CONFLICT.includes(onConflict)) return onConflict;
  throw new MillraceError("INVALID_VALUE", 'onConflict must be "return", "fail" or "cancelRunning"');
}

function checkTags(tags: unknown): Readonly<Record<string, string>> {
  if (tags === undefined) return {};
  if (typeof tags !== "object" || tags === null || Array.isArray(tags)) {
    throw new MillraceError("INVALID_VALUE", "tags must be an object of strings");
  }
  const entries: readonly (readonly [string, unknown])[] = Object.entries(tags);
  if (entries.length > LIMITS.tagsPerRun) {
    throw new MillraceError(
      "INVALID_VALUE",
      `a run takes at most ${LIMITS.tagsPerRun} tags; it was given ${entries.length}`,
    );
  }
  const checked = entries.map(([name, value]): [string, string] => {
    if (typeof value === "string" && value.length <= LIMITS.tagLength)
      return [checkName(name, "the name of a tag"), value];
    throw new MillraceError(
      "INVALID_VALUE",
      `the tag "${name.slice(0, 80)}" must be a string of at most ${LIMITS.tagLength} characters`,
    );
  });
  return Object.fromEntries(checked);
}
