/**
 * Waiting for something that can be seen: asks again every few milliseconds until it is so, and fails with what was
 * waited for when a deadline has passed. Scenarios wait by this alone, never for a time.
 */

import { setTimeout as passed } from "node:timers/promises";

/** How long to wait, in milliseconds, and how often to look. */
export interface Patience {
  readonly withinMs?: number;
  readonly everyMs?: number;
  /** Told in the failure: what there is instead. */
  readonly seen?: () => unknown;
}

const WITHIN_MS = 20_000;
const EVERY_MS = 5;

/** The first answer that is neither `undefined` nor `false`. */
export async function until<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  { withinMs = WITHIN_MS, everyMs = EVERY_MS, seen }: Patience = {},
): Promise<T> {
  const endsAt = performance.now() + withinMs;
  for (;;) {
    const answer = await look();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= endsAt) {
      const instead = seen === undefined ? "" : `; instead: ${JSON.stringify(await seen())}`;
      throw new Error(`waited ${withinMs} ms in vain until ${what}${instead}`);
    }
    await passed(everyMs);
  }
}
