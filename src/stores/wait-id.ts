/**
 * Public ids of waits: the id of the item that waits, a dot, and the wait's number. The one place that writes and reads
 * them. Invariant: `parseWaitId(formatWaitId(w))` gives the address back.
 */

import { MillraceError } from "../core/errors.ts";
import { cleanText } from "../core/text.ts";
import { formatItemId, type ItemAddress } from "./item-id.ts";

/** A wait as backends know it. */
export interface WaitAddress extends ItemAddress {
  readonly number: number;
}

/** The public id of a wait. */
export function formatWaitId({ runId, item, number }: WaitAddress): string {
  return `${formatItemId(runId, item)}.${number}`;
}

/** The wait that a public id names. Throws `INVALID_VALUE` for what cannot be one. */
export function parseWaitId(waitId: string): WaitAddress {
  // Run ids may hold dots themselves; the numbers are what follows the last two.
  const match = typeof waitId === "string" ? /^(.+)\.(0|[1-9]\d{0,14})\.([1-9]\d{0,14})$/su.exec(waitId) : null;
  const runId = match?.[1];
  if (match === null || runId === undefined) {
    const shown = typeof waitId === "string" ? JSON.stringify(cleanText(waitId, 160)) : typeof waitId;
    throw new MillraceError("INVALID_VALUE", `${shown} is no id of a wait`, {
      hints: ["The id of a wait is the id of its item, a dot and a number, as listWaits shows it."],
    });
  }
  return { runId, item: Number(match[2]), number: Number(match[3]) };
}
