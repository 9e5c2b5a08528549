import { expect, test } from "vitest";
import { Floors, LANE } from "./floors.ts";

test("a look begins at the lowest that the one before saw, and never above what may still come in", () => {
  const floors = new Floors();
  expect(floors.of("due")).toBe(Number.NEGATIVE_INFINITY);
  floors.at(10_000);
  floors.saw("due", 10_000, 3_000);
  expect(floors.of("due")).toBe(3_000);
  floors.saw("due", 10_000, 9_990);
  expect(floors.of("due")).toBe(9_500);
  floors.saw("due", 10_000, undefined);
  expect(floors.of("due")).toBe(9_500);
});

test("items of a priority come in so much lower or higher than the present", () => {
  const floors = new Floors();
  floors.saw("lane 1", 100_000, undefined, 50_000);
  floors.saw("lane 2", 100_000, undefined, -50_000);
  expect(floors.named(LANE)).toEqual([
    ["1", 49_500],
    ["2", 149_500],
  ]);
});

test("a clock that went back makes every look begin anew", () => {
  const floors = new Floors();
  floors.at(100_000);
  floors.saw("due", 100_000, undefined);
  floors.at(99_800);
  expect(floors.of("due")).toBe(99_500);
  floors.at(90_000);
  expect(floors.of("due")).toBe(Number.NEGATIVE_INFINITY);
});

test("a floor is lowered to what was found below it, and never raised", () => {
  const floors = new Floors();
  floors.saw("due", 100_000, undefined);
  floors.lower("due", 5);
  floors.lower("due", 50);
  expect(floors.of("due")).toBe(5);
});

test("claims look at more the more others held of late, within a bound", () => {
  const floors = new Floors();
  for (let look = 0; look < 10; look += 1) floors.contended(true);
  expect(floors.spare).toBe(8);
  for (let look = 0; look < 10; look += 1) floors.contended(false);
  expect(floors.spare).toBe(1);
});
