import { expect, test, vi } from "vitest";
import { MillraceError } from "../core/errors.ts";
import { manualClock, seededRandom } from "../core/ports.ts";
import { backOffMs, isOutage, Outage } from "./outage.ts";

const LEASE_MS = 30_000;
const down = new MillraceError("BACKEND_UNAVAILABLE", "no route to postgres://anna:geheim@db/runs");
const full = new MillraceError("STORE_FULL", "no space left");

function outage() {
  const clock = manualClock();
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const onOutage = vi.fn();
  return { clock, logger, onOutage, own: new Outage({ clock, random: seededRandom(1), logger, onOutage }, LEASE_MS) };
}

test("an outage is said once when it begins and once when it is over, without the secrets of an error", async () => {
  const { clock, logger, onOutage, own } = outage();
  own.failed(down, 1, "renewal", 0);
  await clock.advance(2_000);
  own.failed(down, 2, "write", 2_000);
  expect(logger.warn.mock.calls).toEqual([
    [
      "the store fails; this worker keeps trying",
      { error: "no route to postgres://anna:[redacted]@db/runs", code: "BACKEND_UNAVAILABLE" },
    ],
  ]);
  expect(onOutage).toHaveBeenCalledTimes(1);
  own.answered("write", 2_000);
  own.answered("renewal", 2_000);
  expect(logger.info.mock.calls).toEqual([["the store answers again", { lastedMs: 2_000 }]]);
});

test("a store that refuses writes has not recovered because it answers reads, or has room for a renewal", () => {
  const { logger, own } = outage();
  own.failed(full, 1, "write", 0);
  own.answered("read", 0);
  own.answered("renewal", 0);
  own.failed(full, 2, "write", 0);
  expect([own.isOngoing, logger.warn.mock.calls.length, logger.info.mock.calls.length]).toEqual([true, 1, 0]);
  own.answered("write", 0);
  own.failed(down, 1, "read", 0);
  own.answered("renewal", 0);
  expect([own.isOngoing, logger.info.mock.calls.length]).toEqual([false, 2]);
});

test("leases that ended since the outage began are left alone for one lease after it, and others are not", async () => {
  const { clock, own } = outage();
  expect(own.graceMs()).toBe(0);
  await clock.advance(100_000);
  own.failed(down, 1, "write", 100_000);
  await clock.advance(60_000);
  expect([own.isLong, own.graceMs()]).toEqual([true, 60_000]);
  own.answered("write", 160_000);
  await clock.advance(LEASE_MS - 1);
  expect(own.graceMs()).toBe(60_000 + LEASE_MS - 1);
  await clock.advance(1);
  expect(own.graceMs()).toBe(0);
});

test("an outage began when the request was sent that failed in the end, if nothing was answered since", async () => {
  const { clock, own } = outage();
  await clock.advance(50_000);
  own.failed(down, 1, "write", 10_000);
  expect(own.graceMs()).toBe(40_000);
  own.answered("write", 50_000);

  const other = outage();
  await other.clock.advance(50_000);
  other.own.answered("renewal", 45_000);
  other.own.failed(down, 1, "write", 10_000);
  expect(other.own.graceMs()).toBe(5_000);
});

test("a store that stood still for long without failing counts as one that failed, but is not complained of", async () => {
  const { clock, logger, own } = outage();
  await clock.advance(60_000);
  own.answered("read", 2_000);
  expect([own.isOngoing, own.graceMs(), logger.warn.mock.calls]).toEqual([false, 58_000, []]);
  await clock.advance(LEASE_MS);
  own.answered("read", clock.monotonic() - 9_000);
  expect(own.graceMs()).toBe(0);
});

test("the store is asked less and less often, never in step, and never less than every five seconds", () => {
  const longest = { next: () => 1 - Number.EPSILON };
  const shortest = { next: () => 0 };
  const waits = Array.from({ length: 40 }, (_, at) => at + 1);
  expect(waits.slice(0, 8).map((failures) => Math.round(backOffMs(failures, longest)))).toEqual([
    50, 100, 200, 400, 800, 1_600, 3_200, 5_000,
  ]);
  expect(waits.every((failures) => backOffMs(failures, longest) <= 5_000)).toBe(true);
  expect(backOffMs(40, shortest)).toBe(2_500);
});

test("only a store that is out of reach or full is worth another try for ever", () => {
  const codes = ["BACKEND_UNAVAILABLE", "STORE_FULL", "BACKEND_CORRUPT", "CLOSED", "INTERNAL"] as const;
  expect(codes.map((code) => isOutage(new MillraceError(code, "x")))).toEqual([true, true, false, false, false]);
  expect(isOutage(new TypeError("x"))).toBe(false);
});
