/**
 * "Since when" as it is typed: a length of time before now, or an instant. Now is the store's, so that a machine whose
 * clock is wrong finds the same runs.
 */

import { durationText } from "./option-values.ts";

/** The instant; a text that begins a date is left to the engine to read. */
export function readSince(text: string, now: number): number | string {
  if (/^[+-]?\d{4,6}-\d/.test(text)) return text;
  return now - Number(durationText("--since")(text));
}
