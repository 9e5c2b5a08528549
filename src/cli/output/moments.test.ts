import { expect, it } from "vitest";
import { instant, relative, span } from "./moments.ts";

const minute = 60_000;
const day = 86_400_000;

it.each([
  [0, "now"],
  [999, "now"],
  [1_000, "1s ago"],
  [90_000, "1m ago"],
  [3 * 60 * minute + 5, "3h ago"],
  [40 * day, "40d ago"],
  [-5 * minute, "in 5m"],
])("%i ms before now reads %j", (ms, text) => {
  expect(relative(1_000_000_000_000 - ms, 1_000_000_000_000)).toBe(text);
});

it.each([
  [0, "0ms"],
  [850, "850ms"],
  [1_550, "1.5s"],
  [60_000, "1m"],
  [125 * minute, "2h 5m"],
  [day + 5_000, "1d"],
  [30 * day, "30d"],
  [-5, "0ms"],
])("a span of %i ms reads %j", (ms, text) => {
  expect(span(ms)).toBe(text);
});

it("writes instants as ISO 8601, and those beyond the calendar as numbers", () => {
  expect(instant(0)).toBe("1970-01-01T00:00:00.000Z");
  expect(instant(undefined)).toBeUndefined();
  expect(instant(9e15)).toBe("9000000000000000");
});
