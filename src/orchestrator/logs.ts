/**
 * Reads the log lines that attempts left with their items. Only attempts that committed have any: what a vanished worker
 * logged went to its own log alone.
 */

import type { LogEntry } from "../backend/contract/records.ts";
import type { Page, PageRequest } from "../backend/contract/run.ts";
import { MillraceError } from "../core/errors.ts";
import { decodeValue } from "../core/values.ts";
import { formatItemId, parseItemId } from "../stores/item-id.ts";
import { requireRunState } from "../stores/run-control.ts";
import { mapPage } from "../stores/work-item-info.ts";
import type { Orchestration } from "./orchestration.ts";

/** One line that a node logged. */
export interface AttemptLogLine {
  readonly runId: string;
  readonly itemId: string;
  /** From 1. */
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly data: unknown;
}

/** Which lines to read. */
export interface ListLogsOptions extends PageRequest {
  readonly itemId?: string | undefined;
}

/** Lines of a run in the order of their commits, or of one item. Throws `RUN_NOT_FOUND`, `INVALID_VALUE`. */
export async function readLogs(
  { operations }: Orchestration,
  runId: string,
  { itemId, ...page }: ListLogsOptions = {},
): Promise<Page<AttemptLogLine>> {
  await requireRunState(operations, runId);
  const address = itemId === undefined ? undefined : parseItemId(itemId);
  if (address !== undefined && address.runId !== runId) {
    throw new MillraceError("INVALID_VALUE", `item ${itemId} is not of run ${runId}`, { runId });
  }
  return mapPage(await operations.read.logs({ runId, item: address?.item }, page), toLogLine);
}

function toLogLine({ runId, item, attempt, at, level, message, data }: LogEntry): AttemptLogLine {
  const what = "the data of a log line";
  const value = data === undefined ? undefined : decodeValue(new TextEncoder().encode(data), { what });
  return { runId, itemId: formatItemId(runId, item), attempt, at, level, message, data: value };
}
