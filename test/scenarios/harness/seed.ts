/**
 * Chance in scenarios: one seed for each, given by `SCENARIO_SEED` or made up, and named together with the command that
 * replays it whenever the scenario fails. Timing of processes stays what it is; choices do not.
 */

import { randomInt } from "node:crypto";
import { env } from "node:process";
import { seededRandom } from "../../../src/core/ports.ts";

export interface Chance {
  readonly seed: number;
  /** A whole number from 0 to `below`, excluded. */
  upTo(below: number): number;
}

/** Runs a scenario with chance in it; its failure tells how to replay it. */
export async function withChance<T>(file: string, scenario: (chance: Chance) => Promise<T>): Promise<T> {
  const seed = Number(env.SCENARIO_SEED ?? randomInt(1, 2 ** 31));
  const random = seededRandom(seed);
  try {
    return await scenario({ seed, upTo: (below) => Math.floor(random.next() * below) });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const replay = `SCENARIO_SEED=${seed} npx vitest run --project scenarios ${file}`;
    throw new Error(`${message}\nSEED=${seed}; replay: ${replay}`, { cause });
  }
}
