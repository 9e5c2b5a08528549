import { expect, test } from "vitest";
import { distributionOf } from "./run-metrics.ts";

test("nothing has no distribution", () => {
  expect(distributionOf([])).toBeUndefined();
});

test("one number is its own minimum, mean, 95th percentile and maximum", () => {
  expect(distributionOf([7])).toEqual({ count: 1, min: 7, mean: 7, p95: 7, max: 7 });
});

test("the 95th percentile is the smallest number that 95 of 100 do not exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at);
  expect(distributionOf(hundred)).toEqual({ count: 100, min: 1, mean: 50.5, p95: 95, max: 100 });
  expect(distributionOf([1, 2, 3])?.p95).toBe(3);
});
