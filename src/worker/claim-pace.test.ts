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
  expect(own.waitMs).toBe(1_125);
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

test("only what will most likely find something is sure: the rest can be looked at first", async () => {
  const { clock, pace: own } = pace();
  expect(own.isSure).toBe(true);
  own.asked();
  own.answered(5, 0, 300);
  await clock.advance(300);
  expect([own.isHungry, own.isSure]).toEqual([true, false]);
  own.peeked(true, 0);
  expect([own.isHungry, own.isSure]).toEqual([true, true]);
  own.asked();
  own.answered(5, 0, undefined);
  await clock.advance(2_000);
  own.peeked(false, 40);
  expect([own.isHungry, own.isSure, own.waitMs]).toEqual([false, false, 40]);
  own.hint();
  expect(own.isSure).toBe(true);
});

test("a claim that is refused is made again after a longer wait each time, hint or no hint", async () => {
  const { clock, pace: own } = pace();
  const waits: number[] = [];
  for (let look = 0; look < 7; look += 1) {
    own.asked();
    own.hint();
    own.refused();
    waits.push(own.waitMs);
    await clock.advance(own.waitMs);
  }
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  own.asked();
  own.answered(5, 0, undefined);
  own.asked();
  own.refused();
  expect(own.waitMs).toBe(1_000);
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
