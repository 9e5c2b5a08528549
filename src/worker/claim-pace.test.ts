import { expect, test } from "vitest";
import { manualClock } from "../core/ports.ts";
import { ClaimPace } from "./claim-pace.ts";

function pace(pollMs = 1_000) {
  const clock = manualClock();
  return { clock, pace: new ClaimPace(clock, { next: () => 0.5 }, pollMs) };
}

test("the first look is due at once, and after a full claim the next one is too", () => {
  const { pace: own } = pace();
  expect(own.isHungry).toBe(true);
  own.asked();
  own.answered(5, 5, undefined);
  expect(own.waitMs).toBe(0);
  own.asked();
  own.answered(5, 4, undefined);
  expect(own.isHungry).toBe(false);
  expect(own.waitMs).toBe(1_000);
});

test("a look is due when the store says so, but not again and again for nothing", async () => {
  const { clock, pace: own } = pace();
  own.asked();
  own.answered(5, 0, 300);
  expect(own.waitMs).toBe(300);
  const waits: number[] = [];
  for (let look = 0; look < 12; look += 1) {
    own.asked();
    own.answered(5, 0, 0);
    waits.push(own.waitMs);
    await clock.advance(own.waitMs);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
  own.asked();
  own.answered(5, 1, 0);
  expect(own.waitMs).toBe(1);
});

test("a hint is followed at once, and a little later if it came during a request", () => {
  const { pace: own } = pace();
  own.asked();
  own.answered(5, 0, undefined);
  own.hint();
  expect(own.waitMs).toBe(0);
  own.asked();
  own.hint();
  own.answered(5, 0, undefined);
  expect(own.isHungry).toBe(false);
  expect(own.waitMs).toBe(5);
});

test("vague hints that lead to nothing count less and less, until there is work again", async () => {
  const { clock, pace: own } = pace();
  own.asked();
  own.answered(5, 0, undefined);
  const waits: number[] = [];
  for (let look = 0; look < 6; look += 1) {
    own.vagueHint();
    waits.push(own.waitMs);
    await clock.advance(own.waitMs);
    own.asked();
    own.answered(5, 0, undefined);
  }
  expect(waits).toEqual([0, 50, 100, 200, 250, 250]);
  own.asked();
  own.answered(5, 2, undefined);
  own.vagueHint();
  expect(own.waitMs).toBe(0);
});
