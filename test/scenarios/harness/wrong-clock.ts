/**
 * Loaded before anything else in a process whose machine has a wrong clock: every way to ask for the time of day is off by
 * what the environment says, in all threads of the process. Time that passes is not touched, as no wrong clock does.
 */

import { env } from "node:process";

const offMs = Number(env.SCENARIO_CLOCK_OFF_MS ?? 0);
const rightNow = Date.now;
const wrongNow = (): number => rightNow() + offMs;

globalThis.Date = new Proxy(Date, {
  construct: (date, given, asked) => Reflect.construct(date, given.length === 0 ? [wrongNow()] : given, asked),
  get: (date, name) => (name === "now" ? wrongNow : Reflect.get(date, name)),
});
