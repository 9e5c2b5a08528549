/**
 * Public ids of work items: the run's id, a dot, and the item's number in the run. The one place that writes and reads
 * them outside of the backends. Invariant: `parseItemId(formatItemId(r, n))` gives `r` and `n` back.
 */

import { MillraceError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";

/** A work item by run and number, as backends know it. */
export interface ItemAddress {
  readonly runId: string;
  readonly item: number;
}

/** The public id of an item. */
export function formatItemId(runId: string, item: number): string {
  return `${runId}.${item}`;
}

/** The item that a public id names. Throws `INVALID_VALUE` for what cannot be one. */
export function parseItemId(itemId: string): ItemAddress {
  // Run ids may hold dots themselves; the number is what follows the last one.
  const match = typeof itemId === "string" ? /^(.+)\.(0|[1-9]\d{0,14})$/su.exec(itemId) : null;
  const runId = match?.[1];
  if (match === null || runId === undefined) {
    const shown = typeof itemId === "string" ? JSON.stringify(cleanText(itemId, 160)) : typeof itemId;
    throw new MillraceError("INVALID_VALUE", `${shown} is no id of a work item`, {
      hints: ["The id of an item is the id of its run, a dot and its number, as listWorkItems shows it."],
    });
  }
  return { runId, item: Number(match[2]) };
}
