import { expect, it } from "vitest";
import { DEFAULTS, LIMITS } from "./limits.ts";

it("bounds are positive safe integers", () => {
  for (const bound of [...Object.values(LIMITS), ...Object.values(DEFAULTS)]) {
    expect(Number.isSafeInteger(bound) && bound > 0).toBe(true);
  }
});

it("the longest duration still leads from any instant of this era to a valid date", () => {
  const lateThisEra = Date.UTC(9_999, 11, 31);
  expect(Number.isNaN(new Date(lateThisEra + LIMITS.durationMs).getTime())).toBe(false);
});
