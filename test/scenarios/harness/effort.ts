/**
 * How much scenarios with chance in them do: once in `npm test`, and so many times as much where `npm run chaos` says so.
 * What is shown is the same; only how often chance is tried is not.
 */

import { env } from "node:process";

const EFFORT_VARIABLE = "SCENARIO_EFFORT";

export function effort(): number {
  const asked = Number(env[EFFORT_VARIABLE] ?? 1);
  if (!Number.isInteger(asked) || asked < 1) throw new Error(`${EFFORT_VARIABLE} must be a whole number from 1`);
  return asked;
}
