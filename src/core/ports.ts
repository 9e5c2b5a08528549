/** The ports in one place: what they promise, the real ones, and the ones for tests and simulations. */

export type { Clock, Ids, Logger, Random, Timer } from "./ports-contract.ts";
export { createIds } from "./ports-ids.ts";
export { type ManualClock, manualClock, seededIds, seededRandom } from "./ports-simulated.ts";
export { silentLogger, systemClock, systemIds, systemRandom } from "./ports-system.ts";
