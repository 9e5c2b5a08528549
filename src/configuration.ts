/**
 * The configuration of a project, as `millrace.config.ts` exports it: which workflows there are, where their runs are
 * kept, and how workers of the CLI work. It checks form alone and opens nothing; what it does not know is refused, so
 * that a misspelt option is found at once. Only the CLI reads it; programs pass their options themselves.
 */

import type { Duration } from "./core/duration.ts";
import { MillraceError } from "./core/errors.ts";
import { checkName } from "./core/names.ts";
import type { Workflow } from "./definition/workflow-building.ts";
import type { WorkerOptions } from "./worker/worker-options.ts";

/** How `millrace worker` works where its own options say nothing. */
export interface WorkerConfig
  extends Pick<
    WorkerOptions,
    | "batch"
    | "callbacks"
    | "concurrency"
    | "development"
    | "labels"
    | "lease"
    | "logger"
    | "maxStalls"
    | "pollInterval"
    | "queues"
    | "retry"
  > {
  /** Workers in the process; 1 if absent. */
  readonly workers?: number | undefined;
  /** How long a worker that was told to stop may finish what it has; 30 s if absent. */
  readonly drain?: Duration | undefined;
}

/** What a project tells the CLI. */
export interface Config {
  /** Where runs are kept; `--url` and `MILLRACE_URL` come before it. The embedded file if absent. */
  readonly url?: string | undefined;
  /** `--namespace` and `MILLRACE_NAMESPACE` come before it. */
  readonly namespace?: string | undefined;
  readonly workflows: readonly Workflow[];
  readonly worker?: WorkerConfig | undefined;
}

const KEYS: readonly string[] = ["url", "namespace", "workflows", "worker"] satisfies (keyof Config)[];
const WORKER_KEYS: readonly string[] = [
  "batch",
  "callbacks",
  "concurrency",
  "development",
  "drain",
  "labels",
  "lease",
  "logger",
  "maxStalls",
  "pollInterval",
  "queues",
  "retry",
  "workers",
] satisfies (keyof WorkerConfig)[];

/**
 * Checks a configuration and gives it back: the default export of `millrace.config.ts`. Throws `INVALID_CONFIG` for what
 * is missing, unknown or of the wrong form; values of options are checked by who takes them.
 */
export function defineConfig(config: Config): Config {
  const given = plainObject(config, "the configuration");
  refuseUnknown(given, KEYS, "the configuration");
  const { url, namespace, workflows, worker } = given;
  if (url !== undefined && (typeof url !== "string" || url === ""))
    throw invalid("url must be a string that is not empty");
  if (namespace !== undefined) checkName(namespace, "namespace", "INVALID_CONFIG");
  if (!Array.isArray(workflows)) throw invalid("workflows must be a list of workflows");
  const stranger = workflows.findIndex((entry) => !isWorkflow(entry));
  if (stranger >= 0) throw invalid(`workflows[${stranger}] is not a workflow made by workflow() or dynamicWorkflow()`);
  if (worker !== undefined) refuseUnknown(plainObject(worker, "worker"), WORKER_KEYS, "worker");
  return config;
}

/** Whether something is a workflow, also one made by another copy of this package. */
export function isWorkflow(value: unknown): value is Workflow {
  if (typeof value !== "object" || value === null) return false;
  const texts = ["name", "version", "hash"].every((key) => typeof Reflect.get(value, key) === "string");
  const parts = ["definition", "~runtime"].every((key) => {
    const part: unknown = Reflect.get(value, key);
    return typeof part === "object" && part !== null;
  });
  return texts && parts;
}

function plainObject(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(`${what} must be an object`);
  return Object.fromEntries(Object.entries(value));
}

function refuseUnknown(given: object, known: readonly string[], what: string): void {
  const unknown = Object.keys(given).filter((key) => !known.includes(key));
  if (unknown.length === 0) return;
  throw invalid(
    `${what} has no option ${unknown.map((key) => JSON.stringify(key)).join(", ")}`,
    `It takes: ${known.join(", ")}.`,
  );
}

function invalid(message: string, ...hints: readonly string[]): MillraceError {
  return new MillraceError("INVALID_CONFIG", message, { hints });
}
