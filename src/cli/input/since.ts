/**
 * "Since when" as it is typed: a length of time before now, or an instant. Now is the store's, so that a machine whose
 * clock is wrong finds the same runs.
 */

import { type Duration, toMilliseconds } from "../../index.ts";

/** The instant; a text that begins a date is left to the engine to read. */
export function readSince(text: string, now: number): number | string {
  if (/^[+-]?\d{4,6}-\d/.test(text)) return text;
  // Whatever else it is, the engine's own reader of durations refuses it.
  return now - toMilliseconds(text as Duration, "--since");
}
