import { expect, test } from "vitest";
import { manualClock } from "../../core/ports.ts";
import { Blockades } from "./blockades.ts";

const LEASE_MS = 30_000;

/** A clock at which a blockade of so long has just ended. */
async function blockaded(lastedMs: number) {
  const clock = manualClock(1_000_000);
  const blockades = new Blockades(clock);
  await clock.advance(lastedMs);
  blockades.note(lastedMs);
  const spares = (endedMsAgo: number, leaseMs = LEASE_MS) =>
    blockades.spare({ until: clock.now() - endedMsAgo, leaseMs }, clock.now());
  return { clock, blockades, spares };
}

test("leases that ended while nobody could write are spared for one lease, others are not", async () => {
  const { clock, spares } = await blockaded(60_000);
  expect([spares(0), spares(60_000), spares(60_001)]).toEqual([true, true, false]);
  await clock.advance(LEASE_MS - 1);
  expect([spares(0), spares(60_000 + LEASE_MS - 1), spares(60_000 + LEASE_MS)]).toEqual([true, true, false]);
  await clock.advance(1);
  expect(spares(0)).toBe(false);
});

test("a blockade of less than a third of a lease spares it nothing", async () => {
  const { spares } = await blockaded(10_000);
  expect([spares(5_000, 30_000), spares(5_000, 30_001)]).toEqual([true, false]);
  expect((await blockaded(29)).spares(10, 80)).toBe(false);
});

test("short blockades after a long one do not make it forgotten", async () => {
  const { clock, blockades, spares } = await blockaded(60_000);
  for (let at = 0; at < 100; at += 1) {
    await clock.advance(100);
    blockades.note(50);
  }
  expect([spares(70_000), spares(70_001)]).toEqual([true, false]);
});

test("a dead worker's lease is spared once, not by every blockade that follows", async () => {
  const { clock, blockades, spares } = await blockaded(15_000);
  const endedAt = clock.now();
  for (let at = 0; at < 5; at += 1) {
    await clock.advance(20_000);
    blockades.note(15_000);
  }
  expect(spares(clock.now() - endedAt)).toBe(false);
});
