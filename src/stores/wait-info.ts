/** A wait as users see it: what it is for, with its details read. It reads nothing; it turns a record into another. */

import type { WaitRecord } from "../backend/contract/wait.ts";
import { decodeValue } from "../core/values.ts";
import { formatItemId } from "./item-id.ts";
import { formatWaitId } from "./wait-id.ts";

/** A wait that is not over and that something from outside ends. Instants are milliseconds since 1970 by the backend's clock. */
export interface WaitInfo {
  /** For `completeWait`. */
  readonly id: string;
  readonly runId: string;
  readonly itemId: string;
  readonly node: string;
  readonly kind: WaitRecord["kind"];
  readonly since: number;
  /** When it is in vain; `undefined` if it has no deadline. */
  readonly dueAt: number | undefined;
  /** Of an input. */
  readonly prompt: string | undefined;
  /** Of a tool: its name, and what it is called with. */
  readonly tool: string | undefined;
  readonly arguments: unknown;
  /** Of an event: its name and key, and what its payload has to be like: the values at these paths. */
  readonly event: { readonly name: string; readonly key: string } | undefined;
  readonly where: readonly { readonly path: readonly string[]; readonly equals: string }[] | undefined;
  /** Of a child: the run that it waits for. */
  readonly childId: string | undefined;
  /** The JSON Schema of the answer, where the node's schema tells it. */
  readonly schema: unknown;
}

/** The public form of a wait. */
export function toWaitInfo(wait: WaitRecord): WaitInfo {
  const { runId, item, node, kind, since, dueAt, event, childId } = wait;
  const { prompt, tool, where, schema, ...details } = detailsOf(wait);
  return {
    id: formatWaitId(wait),
    runId,
    itemId: formatItemId(runId, item),
    ...{ node, kind, since, dueAt, event, childId },
    prompt: typeof prompt === "string" ? prompt : undefined,
    tool: typeof tool === "string" ? tool : undefined,
    arguments: details.arguments,
    where: Array.isArray(where) ? where.filter(isCondition) : undefined,
    schema,
  };
}

interface Details {
  readonly prompt?: unknown;
  readonly tool?: unknown;
  readonly arguments?: unknown;
  readonly where?: unknown;
  readonly schema?: unknown;
}

/** Details are for people: what cannot be read is left out. */
function detailsOf({ details }: WaitRecord): Details {
  try {
    const value = decodeValue(Buffer.from(details));
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isCondition(value: unknown): value is { readonly path: readonly string[]; readonly equals: string } {
  if (!isRecord(value) || !("path" in value) || !("equals" in value)) return false;
  const { path, equals } = value;
  return Array.isArray(path) && path.every((part) => typeof part === "string") && typeof equals === "string";
}
