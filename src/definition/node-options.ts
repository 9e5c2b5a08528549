/**
 * The options that every kind of node takes, and how they are read: checked, and with the defaults filled in. A wrong
 * option is noted and replaced by the default; nothing here throws. What the options mean while an item runs is decided
 * in `src/execution` and the backends.
 */
import { type Duration, toMilliseconds } from "../core/duration.ts";
import { DEFAULTS, LIMITS } from "../core/limits.ts";
import { checkName } from "../core/names.ts";
import { DEFAULT_RETRY, type RetryPolicy, resolveRetry } from "../core/retry.ts";
import { quote, readOr } from "./problems.ts";

/** The options of any node. All may be left out. */
export interface NodeOptions {
  /** Overrides the policy of the workflow and of the worker; `false` switches retries off. */
  readonly retry?: RetryPolicy | false | undefined;
  /** Longest time of one attempt, from its claim; 1 h if absent. Failure code `TIMEOUT`. */
  readonly timeout?: Duration | undefined;
  /** Longest time over all attempts, back-off included, waits excluded; none if absent. Failure code `DEADLINE`. */
  readonly deadline?: Duration | undefined;
  /** Higher is sooner; an integer, 0 if absent. */
  readonly priority?: number | undefined;
  /** The queue that the node's items wait in; `default` if absent. */
  readonly queue?: string | undefined;
  /** What a worker must offer to be given the node's items. */
  readonly labels?: readonly string[] | undefined;
  /** Shown in graphs and by tools; no part of the definition's hash. */
  readonly description?: string | undefined;
}

/** The options of a node as a definition shows them. */
export interface NodeSettings {
  readonly queue: string;
  /** Sorted, each once. */
  readonly labels: readonly string[];
  readonly priority: number;
  readonly timeoutMs: number;
  readonly deadlineMs?: number;
  readonly serializable: boolean;
  readonly description?: string;
}

/** The names of all options in {@link NodeOptions}. */
export const NODE_OPTIONS = ["retry", "timeout", "deadline", "priority", "queue", "labels", "description"] as const;

/** The queue of nodes that name none. */
const DEFAULT_QUEUE = "default";

/** Reads the options of one node. What is wrong with them is added to `problems`. */
export function readNodeOptions(
  options: NodeOptions & { readonly serializable?: boolean | undefined },
  problems: string[],
): NodeSettings {
  const deadlineMs = readPositive(options.deadline, "deadline", problems);
  const { description } = options;
  checkRetry(options.retry, problems);
  checkDescription(description, problems);
  if (options.serializable !== undefined && typeof options.serializable !== "boolean") {
    problems.push("serializable must be true or false");
  }
  return {
    queue: readOr(problems, () => checkName(options.queue ?? DEFAULT_QUEUE, "queue"), DEFAULT_QUEUE),
    labels: readLabels(options.labels, problems),
    priority: readPriority(options.priority, problems),
    timeoutMs: readPositive(options.timeout, "timeout", problems) ?? DEFAULTS.nodeTimeoutMs,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    serializable: options.serializable === true,
    ...(typeof description === "string" ? { description } : {}),
  };
}

/** Notes what is wrong with a retry policy, if there is one. */
export function checkRetry(retry: RetryPolicy | false | undefined, problems: string[]): void {
  if (retry !== undefined) readOr(problems, () => void resolveRetry(retry, DEFAULT_RETRY), undefined);
}

/** A duration of more than nothing, in milliseconds; `undefined` where none is given or it is wrong. */
export function readPositive(given: Duration | undefined, what: string, problems: string[]): number | undefined {
  if (given === undefined) return undefined;
  const ms = readOr(problems, () => toMilliseconds(given, what), undefined);
  if (ms !== 0) return ms;
  problems.push(`${what} must be longer than nothing`);
  return undefined;
}

function readPriority(priority: number | undefined, problems: string[]): number {
  if (priority === undefined) return 0;
  if (Number.isSafeInteger(priority)) return priority;
  problems.push(`priority must be an integer; it is ${typeof priority === "number" ? priority : typeof priority}`);
  return 0;
}

function readLabels(labels: readonly string[] | undefined, problems: string[]): readonly string[] {
  if (labels === undefined) return [];
  if (!Array.isArray(labels)) {
    problems.push("labels must be an array of names");
    return [];
  }
  if (labels.length > LIMITS.nodeLabels) problems.push(`there must not be more than ${LIMITS.nodeLabels} labels`);
  const read = labels.map((label) => readOr(problems, () => checkName(label, "a label"), undefined));
  const valid = read.filter((label) => label !== undefined);
  const sorted = [...new Set(valid)].sort();
  if (sorted.length < valid.length) {
    const twice = sorted.filter((label) => valid.indexOf(label) !== valid.lastIndexOf(label));
    problems.push(`labels are given twice: ${twice.map(quote).join(", ")}`);
  }
  return sorted;
}

function checkDescription(description: string | undefined, problems: string[]): void {
  if (description === undefined) return;
  if (typeof description !== "string") problems.push("description must be a string");
  else if (description.length > LIMITS.descriptionLength) {
    problems.push(`description must not be longer than ${LIMITS.descriptionLength} characters`);
  }
}
